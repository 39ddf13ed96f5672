/** What `--in` and the operands of `diff` name, and how this layer gets things done. */
import { invalid, quote } from '../../errors.js';
import type { PlaceTarget } from '../../explore/sysctl/place.js';
import type { SysctlTools } from '../../explore/sysctl/tools.js';
import { containerOf, pidOf } from '../running-pid.js';

/** The main process of a running container; undefined where there is no container of that name. */
export type FindContainer = (name: string) => Promise<number | undefined>;

/** @throws {WarrenError} `ERR_CONTAINER_NOT_RUNNING`, `ERR_CONTAINER_AMBIGUOUS`. */
const keptContainer: FindContainer = async (name) => {
  const container = await containerOf(name);
  return container && pidOf(container, container.name, 'look into');
};

/**
 * A number is a process, a path a namespace file, a name a container or else what `ip netns` knows.
 *
 * @throws {WarrenError} `ERR_NAMESPACE_SPEC`
 */
export async function resolveSysctlTarget(
  text: string,
  findContainer: FindContainer = keptContainer,
): Promise<PlaceTarget> {
  if (/^[1-9]\d{0,9}$/.test(text)) return Number(text);
  if (text.startsWith('/') && !text.includes('\0')) return text;
  if (text !== '' && !text.includes('/') && text !== '.' && text !== '..' && !text.includes('\0'))
    return (await findContainer(text)) ?? `/run/netns/${text}`;
  throw invalid(
    'ERR_NAMESPACE_SPEC',
    `Cannot use the namespace ${quote(text)}`,
    'it is neither a process id, a name nor an absolute path',
    'write 1234, blue or /proc/1234/ns/net',
  );
}

export async function sysctlTools(): Promise<SysctlTools> {
  return (await import('../../runtime/throw-away.js')).sysctlTools;
}
