/** What both ways of `warren caps why` have in common. */
import type { SharedNamespaces } from '../../explore/capabilities/why.js';
import type { Capability } from '../../kernel/capabilities.js';
import type { ContainerOptions } from '../../runtime/options.js';

export function sharedNamespaces({ network, pid, ipc, uts, privileged }: ContainerOptions): SharedNamespaces {
  const isShared = (choice: string | undefined): boolean =>
    privileged === true || (choice !== undefined && choice !== 'private' && choice !== 'none');
  return { network: isShared(network), pid: isShared(pid), ipc: isShared(ipc), uts: isShared(uts) };
}

/** @param user As `--user` takes it. */
export function isRoot(user: string | undefined): boolean {
  return user === undefined || /^(0|root)(:|$)/.test(user);
}

/** What a process calls itself may hold anything. */
export function show(name: string): string {
  return /^[\w.+:/@-]+$/.test(name) ? name : JSON.stringify(name);
}

export function flags(names: readonly Capability[]): string {
  return names.map((name) => `--cap-add ${name.slice('CAP_'.length)}`).join(' ');
}
