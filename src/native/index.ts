/**
 * The only door to C: loads the addon, keeps one sealed copy of the launcher, and gives both typed faces.
 */
import { existsSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { WarrenError } from '../errors.js';
import { type CredentialsAddon } from './credentials.js';
import { type NamespaceAddon } from './namespace.js';
import { type NetlinkAddon } from './netlink.js';
import { type FileAddon } from './xattr.js';

export type { NetlinkAddon, WatchHandle } from './netlink.js';

/** Opaque: a launcher that was started. */
export interface LauncherHandle {
  readonly __launcher: never;
}

interface Addon extends CredentialsAddon, FileAddon, NamespaceAddon, NetlinkAddon {
  spawn(
    launcher: number,
    plan: Uint8Array,
    fds: readonly number[],
    env: readonly string[],
    onPacket: (packet: Buffer | null, fd: number) => void,
  ): LauncherHandle;
  send(handle: LauncherHandle, packet: Uint8Array): boolean;
  reference(handle: LauncherHandle, wanted: boolean): void;
  connect(path: string, onPacket: (packet: Buffer | null, fd: number) => void): LauncherHandle;
  disconnect(handle: LauncherHandle): void;
  flock(fd: number, operation: number): boolean;
  newNetwork(): number;
  newNetworkInBackground(): Promise<number>;
  sealExecutable(path: string): number;
  openBelow(root: string, path: string, flags: number): number;
  pipe(ours: 0 | 1): [read: number, write: number];
  setWindowSize(fd: number, rows: number, columns: number): void;
  getTermios(fd: number): Buffer;
  setTermios(fd: number, termios: Uint8Array): void;
  random(length: number): Buffer;
  signalPidfd(pidfd: number, signal: number): void;
}

interface Loaded {
  readonly addon: Addon;
  readonly launcher: number;
}

const loaded: { now?: Loaded } = {};

function prebuilds(): string {
  const wanted = join('prebuilds', `linux-${process.arch}`);
  let folder = dirname(fileURLToPath(import.meta.url));
  for (;;) {
    const candidate = join(folder, wanted);
    if (existsSync(candidate)) return candidate;
    const parent = dirname(folder);
    if (parent === folder) {
      throw new WarrenError('ERR_NATIVE_MISSING', 'Cannot load the native parts', {
        kind: 'unsupported',
        why: `there is no ${wanted} in the package`,
        fix: 'Warren runs on Linux, x64 and arm64; in a checkout, build them with: npm run build',
      });
    }
    folder = parent;
  }
}

function load(): Loaded {
  if (loaded.now) return loaded.now;
  const folder = prebuilds();
  const module: { exports: unknown } = { exports: {} };
  process.dlopen(module, join(folder, 'warren.node'));
  const addon = module.exports as Addon;
  // For maintainers: another launcher, such as the test build that can be told to fail at a step.
  const launcher = addon.sealExecutable(process.env['WARREN_LAUNCHER'] ?? join(folder, 'warren-launcher'));
  return (loaded.now = { addon, launcher });
}

/** The launcher's environment is empty, but for what its test build reads. */
function launcherEnvironment(): string[] {
  const fault = process.env['WARREN_LAUNCHER'] === undefined ? undefined : process.env['WARREN_FAULT'];
  return fault === undefined ? [] : [`WARREN_FAULT=${fault}`];
}

/**
 * Starts the launcher with an encoded plan.
 *
 * @param fds Descriptors for the launcher: 0, 1, 2, and then any that the plan knows as 5, 6, ….
 * @param onPacket Called with each packet of the launcher and the descriptor that came with it (or -1); last with null,
 *   when the launcher has ended and been waited for.
 * @returns To be held until the end: when it is collected, the launcher ends, and the command with it.
 * @throws The system error of clone3(2) or execveat(2).
 */
export function spawnLauncher(
  plan: Uint8Array,
  fds: readonly number[],
  onPacket: (packet: Buffer | null, fd: number) => void,
): LauncherHandle {
  const { addon, launcher } = load();
  return addon.spawn(launcher, plan, fds, launcherEnvironment(), onPacket);
}

/** @returns False when the launcher is gone. */
export function sendToLauncher(handle: LauncherHandle, packet: Uint8Array): boolean {
  return load().addon.send(handle, packet);
}

/** Whether a running container keeps Node's event loop alive. Default: it does. */
export function referenceLauncher(handle: LauncherHandle, wanted: boolean): void {
  load().addon.reference(handle, wanted);
}

/**
 * Connects to a monitor's socket. Packets go and come as a launcher's do.
 *
 * @param path At most 107 bytes; `/proc/self/fd/N/…` where it is longer.
 * @param onPacket As for `spawnLauncher()`; null when the other side has closed.
 * @throws The system error of connect(2): ENOENT or ECONNREFUSED where no monitor lives, EAGAIN where too many wait.
 */
export function connectMonitor(
  path: string,
  onPacket: (packet: Buffer | null, fd: number) => void,
): LauncherHandle {
  return load().addon.connect(path, onPacket);
}

/** Nothing is received any more, not even the end. May be called twice. */
export function disconnectMonitor(handle: LauncherHandle): void {
  load().addon.disconnect(handle);
}

/**
 * A network namespace that nobody is in, with nothing but a loopback that is down. It lives as long as the descriptor, which
 * is the caller's to close, or a process in it. Takes the kernel about 0.3 ms, in a thread of its own.
 *
 * @throws The system error of unshare(2): EPERM without CAP_SYS_ADMIN, ENOSPC at `user.max_net_namespaces`.
 */
export function newNetworkNamespace(): number {
  return load().addon.newNetwork();
}

/** As {@link newNetworkNamespace}; meanwhile the event loop goes on. Takes 0.1 ms more. */
export async function newNetworkNamespaceInBackground(): Promise<number> {
  return load().addon.newNetworkInBackground();
}

export const LOCK_SH = 1;
export const LOCK_EX = 2;
export const LOCK_NB = 4;

/**
 * Without LOCK_NB it blocks this thread.
 *
 * @returns Whether the lock was taken; false only with LOCK_NB.
 * @see flock(2)
 */
export function flock(fd: number, operation: number): boolean {
  return load().addon.flock(fd, operation);
}

/**
 * Opens a path as if `root` were `/`: symbolic links and `..` stay inside. See openat2(2), RESOLVE_IN_ROOT.
 *
 * @throws The system error of open(2) or openat2(2).
 */
export function openBelow(root: string, path: string, flags: number): number {
  return load().addon.openBelow(root, path, flags);
}

/** A pipe whose end `ours` (0 reads, 1 writes) is non-blocking, for Node; the other blocks, for the command. */
export function makePipe(ours: 0 | 1): [read: number, write: number] {
  return load().addon.pipe(ours);
}

/** @see ioctl_tty(2), TIOCSWINSZ */
export function setWindowSize(fd: number, rows: number, columns: number): void {
  load().addon.setWindowSize(fd, rows, columns);
}

/** The terminal's settings as the kernel gives them, to be put back later. @see ioctl_tty(2), TCGETS */
export function getTermios(fd: number): Buffer {
  return load().addon.getTermios(fd);
}

/** Takes effect when what was written has gone out. @see ioctl_tty(2), TCSETSW */
export function setTermios(fd: number, termios: Uint8Array): void {
  load().addon.setTermios(fd, termios);
}

/** @throws The system error of pidfd_send_signal(2): ESRCH where the process has ended. */
export function signalPidfd(pidfd: number, signal: number): void {
  load().addon.signalPidfd(pidfd, signal);
}

export function isTerminal(fd: number): boolean {
  try {
    load().addon.getTermios(fd);
    return true;
  } catch {
    return false;
  }
}

/** For src/explore/namespaces; see namespace.ts, which decodes what these give. */
export function namespaceAddon(): NamespaceAddon {
  return load().addon;
}

/** For src/netlink, which is the typed face of these. */
export function netlinkAddon(): NetlinkAddon {
  return load().addon;
}

/** For src/native/credentials.ts, which is the typed face of these. */
export function credentialsAddon(): CredentialsAddon {
  return load().addon;
}

/** For src/native/xattr.ts, which is the typed face of these. */
export function fileAddon(): FileAddon {
  return load().addon;
}

/** @param length At most 256. @see getrandom(2) */
export function randomBytes(length: number): Buffer {
  return load().addon.random(length);
}
