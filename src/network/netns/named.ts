/** Network namespaces with names: bind mounts below /run/netns, as ip-netns(8) makes them and knows them. */
import {
  closeSync,
  constants,
  mkdirSync,
  openSync,
  readdirSync,
  rmSync,
  statSync,
  unlinkSync,
} from 'node:fs';
import { invalid, quote, WarrenError } from '../../errors.js';
import { setLink, openNetlink } from '../../netlink/index.js';
import { call, type Call, type CallOptions, slot } from '../../plan/call.js';
import * as c from '../../plan/constants.js';
import { mountAttributes } from '../../plan/lower/mount-calls.js';
import { hasCode } from '../state.js';
import { runCalls } from './launch.js';

export const NETNS_DIRECTORY = '/run/netns';

/** @throws {WarrenError} `ERR_NETNS_NAME` */
export function checkNetnsName(name: string): string {
  if (name !== '' && name !== '.' && name !== '..' && !/[/\0]/.test(name) && Buffer.byteLength(name) <= 255)
    return name;
  throw invalid(
    'ERR_NETNS_NAME',
    `Cannot use ${quote(name)} as the name of a network namespace`,
    'it is no name of a file: 1 to 255 bytes without a slash, not "." or ".."',
  );
}

export function netnsPath(name: string): string {
  return `${NETNS_DIRECTORY}/${checkNetnsName(name)}`;
}

/** Names, sorted; of files there that are no namespaces too, as `ip netns` lists them. */
export function netnsNames(): string[] {
  try {
    return readdirSync(NETNS_DIRECTORY).sort();
  } catch (error) {
    if (hasCode(error, 'ENOENT')) return [];
    throw error;
  }
}

/**
 * Makes a network namespace and names it. Its loopback is down, as in every new one.
 *
 * @param options `loopback`: bring it up.
 * @throws {WarrenError} `ERR_NETNS_NAME`, `ERR_NETNS_EXISTS`, `ERR_NETNS`
 */
export async function addNetns(name: string, options: { readonly loopback?: boolean } = {}): Promise<void> {
  await nameIt('create', name, [call('unshare', [c.CLONE_NEW.net])], '/proc/thread-self/ns/net');
  if (options.loopback !== true) return;
  const socket = openNetlink('route', { namespace: { path: netnsPath(name) } });
  try {
    await setLink(socket, 'lo', { up: true });
  } finally {
    socket.close();
  }
}

/**
 * Names the network namespace of a process; then it outlives the process.
 *
 * @throws {WarrenError} as {@link addNetns}, and `ERR_NAMESPACE_NOT_FOUND`
 */
export async function attachNetns(name: string, pid: number): Promise<void> {
  const path = `/proc/${pid}/ns/net`;
  if (statSync(path, { throwIfNoEntry: false }) === undefined) {
    throw new WarrenError('ERR_NAMESPACE_NOT_FOUND', `Cannot name the network namespace of process ${pid}`, {
      kind: 'not-found',
      why: 'there is no such process, or it is not yours to look at',
    });
  }
  await nameIt('name', name, [], path);
}

async function nameIt(action: string, name: string, first: readonly Call[], source: string): Promise<void> {
  const path = netnsPath(name);
  mkdirSync(NETNS_DIRECTORY, { recursive: true, mode: 0o755 });
  try {
    closeSync(openSync(path, constants.O_RDONLY | constants.O_CREAT | constants.O_EXCL, 0));
  } catch (cause) {
    if (!hasCode(cause, 'EEXIST')) throw cause;
    throw new WarrenError('ERR_NETNS_EXISTS', `Cannot ${action} the network namespace ${quote(name)}`, {
      kind: 'already-exists',
      why: `there is ${path}`,
      fix: `take another name, or: warren netns rm ${name}`,
      cause,
    });
  }
  try {
    await runCalls(action, name, [
      ...shareDirectory(),
      ...first,
      call('open_tree', [c.AT_FDCWD, source, c.OPEN_TREE_CLONE | c.OPEN_TREE_CLOEXEC], { store: 'mount' }),
      call('move_mount', [slot('mount'), '', c.AT_FDCWD, path, c.MOVE_MOUNT_F_EMPTY_PATH]),
    ]);
  } catch (error) {
    rmSync(path, { force: true });
    throw error;
  }
}

/**
 * A mount of its own that is shared, as ip-netns(8) has it: names made here appear in the mount namespaces that were made
 * from this one, and so do their removals. EINVAL: it is no mount yet.
 */
function shareDirectory(): Call[] {
  const shared = mountAttributes(0, 0, c.MS_SHARED);
  const share = (options: CallOptions = {}) =>
    call('mount_setattr', [c.AT_FDCWD, NETNS_DIRECTORY, 0, shared, ATTRIBUTES_BYTES], options);
  return [
    share({ may: ['EINVAL'], thenGoto: 'shared' }),
    call(
      'open_tree',
      [c.AT_FDCWD, NETNS_DIRECTORY, c.OPEN_TREE_CLONE | c.OPEN_TREE_CLOEXEC | c.AT_RECURSIVE],
      { store: 'tree' },
    ),
    call('move_mount', [slot('tree'), '', c.AT_FDCWD, NETNS_DIRECTORY, c.MOVE_MOUNT_F_EMPTY_PATH]),
    share(),
    { op: 'label', label: 'shared' },
  ];
}

/** sizeof(struct mount_attr) */
const ATTRIBUTES_BYTES = 32;

/**
 * Takes the name away. The namespace lives on while a process, a descriptor or another mount holds it.
 *
 * @throws {WarrenError} `ERR_NETNS_NOT_FOUND`, `ERR_NETNS`
 */
export async function removeNetns(name: string): Promise<void> {
  const path = netnsPath(name);
  if (!netnsNames().includes(name)) throw netnsNotFound(name);
  // EINVAL: a file that nothing is mounted on, of which the name is all there is. ENOENT: somebody else removes it too.
  await runCalls('remove', name, [call('umount2', [path, c.MNT_DETACH], { may: ['EINVAL', 'ENOENT'] })]);
  try {
    unlinkSync(path);
  } catch (error) {
    throw hasCode(error, 'ENOENT') ? netnsNotFound(name) : error;
  }
}

export function netnsNotFound(name: string): WarrenError {
  return new WarrenError('ERR_NETNS_NOT_FOUND', `Cannot find the network namespace ${quote(name)}`, {
    kind: 'not-found',
    why: `there is no ${NETNS_DIRECTORY}/${name}`,
    fix: 'warren netns ls shows those there are; warren netns add makes one',
  });
}
