import { type ProcessTarget, parseProcessTarget } from '../explore/target.js';
import { pidOfContainer } from './running-pid.js';

/**
 * A process that a user names: by its id, as `self`, or as the container whose first process it is.
 *
 * @param action For the message of one that does not run: `look at`.
 * @throws {WarrenError} `ERR_TARGET`, `ERR_CONTAINER_AMBIGUOUS`, `ERR_CONTAINER_NOT_RUNNING`.
 */
export async function processTargetOf(word: string, action: string): Promise<ProcessTarget> {
  // What is no name of a container is refused in the words for processes.
  if (word === 'self' || /^\d+$/.test(word) || !/^[a-zA-Z0-9][\w.-]*$/.test(word))
    return parseProcessTarget(word);
  return (await pidOfContainer(word, action)) ?? parseProcessTarget(word);
}
