/** Commands that do the same with each container named: what works is printed, what does not is said, and the rest is done. */
import { invalid } from '../../errors.js';
import type { ContainerStore, DetachedContainer } from '../../containers/index.js';
import { formatError, wantedStyle } from '../errors.js';
import { STDERR, STDOUT, hasColor, writeText } from '../output.js';

export async function containerStore(): Promise<ContainerStore> {
  const { openContainers } = await import('../../containers/store.js');
  return openContainers();
}

/** @throws {WarrenError} `ERR_USAGE` where there are none, or something follows `--`. */
export function namesOf(
  command: string,
  {
    operands,
    afterDashes = [],
  }: { readonly operands: readonly string[]; readonly afterDashes: readonly string[] | undefined },
): readonly string[] {
  const names = [...operands, ...afterDashes];
  if (names.length > 0) return names;
  throw invalid(
    'ERR_USAGE',
    `Cannot run ${JSON.stringify(`warren ${command}`)}`,
    'no container was named',
    `write: warren ${command} CONTAINER…; see which there are: warren ps -a`,
  );
}

/** @returns The exit code: 1 when something failed. */
export async function eachContainer(
  names: readonly string[],
  act: (container: DetachedContainer, name: string) => Promise<string | undefined>,
): Promise<number> {
  const store = await containerStore();
  return eachOf(names, async (name) => act(await store.find(name), name));
}

/** The same, for what a name may stand for otherwise. @param act Returns what to print. */
export async function eachOf(
  names: readonly string[],
  act: (name: string) => Promise<string | undefined>,
): Promise<number> {
  // Side by side, as they have nothing to do with each other; told in the order given.
  const outcomes = await Promise.allSettled(names.map(act));
  let code = 0;
  for (const outcome of outcomes) {
    if (outcome.status === 'fulfilled') {
      if (outcome.value !== undefined) writeText(STDOUT, `${outcome.value}\n`);
      continue;
    }
    code = 1;
    writeText(
      STDERR,
      formatError(outcome.reason, { ...wantedStyle(process.env), color: await hasColor(STDERR) }),
    );
  }
  return code;
}
