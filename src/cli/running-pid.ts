import type { DetachedContainer } from '../containers/container.js';
import { WarrenError } from '../errors.js';

/** Undefined where there is none of that name or id. @throws {WarrenError} `ERR_CONTAINER_AMBIGUOUS`. */
export async function containerOf(word: string): Promise<DetachedContainer | undefined> {
  const { openContainers } = await import('../containers/store.js');
  try {
    return await openContainers().find(word);
  } catch (error) {
    if (error instanceof WarrenError && error.code === 'ERR_CONTAINER_NOT_FOUND') return undefined;
    throw error;
  }
}

/**
 * The first process of a container, by its name or id; undefined where there is no such container.
 *
 * @param action For the message of one that does not run: `enter`.
 * @throws {WarrenError} `ERR_CONTAINER_AMBIGUOUS`, `ERR_CONTAINER_NOT_RUNNING`.
 */
export async function pidOfContainer(word: string, action: string): Promise<number | undefined> {
  const container = await containerOf(word);
  return container && pidOf(container, word, action);
}

/** @param shownAs What the message calls it. @throws {WarrenError} `ERR_CONTAINER_NOT_RUNNING`. */
export async function pidOf(container: DetachedContainer, shownAs: string, action: string): Promise<number> {
  const { pid } = container.status();
  if (pid > 0) return pid;
  const { notRunningError } = await import('../containers/not-running.js');
  throw notRunningError(shownAs, action);
}
