import { WarrenError } from '../errors.js';

/**
 * The first process of a container, by its name or id; undefined where there is no such container.
 *
 * @param action For the message of one that does not run: `enter`.
 * @throws {WarrenError} `ERR_CONTAINER_AMBIGUOUS`, `ERR_CONTAINER_NOT_RUNNING`.
 */
export async function pidOfContainer(word: string, action: string): Promise<number | undefined> {
  const { openContainers } = await import('../containers/store.js');
  let container;
  try {
    container = await openContainers().find(word);
  } catch (error) {
    if (error instanceof WarrenError && error.code === 'ERR_CONTAINER_NOT_FOUND') return undefined;
    throw error;
  }
  const { pid } = container.snapshot().status;
  if (pid > 0) return pid;
  const { notRunningError } = await import('../containers/not-running.js');
  throw notRunningError(word, action);
}
