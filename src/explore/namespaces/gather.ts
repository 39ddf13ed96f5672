/** From one sweep of /proc to namespaces: who is in each, who holds it, and where it can be opened. */
import {
  namespaceTypes,
  type NamespaceFacts,
  type NamespaceRequest,
  type SweptProcess,
} from '../../native/namespace.js';
import type { NamespaceHolder, NamespaceRelation, NamespaceType } from './namespace.js';

/** A namespace while it is being found out about. */
export interface Entry {
  readonly type: NamespaceType;
  readonly inode: number;
  readonly processes: number[];
  readonly holders: NamespaceHolder[];
  /** Ways to open it, best first. */
  readonly requests: NamespaceRequest[];
  /** Since boot; Infinity where no process holds it. */
  oldestTicks: number;
  facts: Extract<NamespaceFacts, { errno: undefined }> | undefined;
  parent: NamespaceRelation;
  owner: NamespaceRelation;
}

/** More ways than these are not kept: they are for processes that end meanwhile. */
const mostRequests = 8;

/** The namespaces of a machine by inode, which is unique over all types. */
export class Entries {
  readonly byInode = new Map<number, Entry>();

  get(type: NamespaceType, inode: number): Entry {
    const known = this.byInode.get(inode);
    if (known) return known;
    const entry: Entry = {
      type,
      inode,
      processes: [],
      holders: [],
      requests: [],
      oldestTicks: Infinity,
      facts: undefined,
      parent: undefined,
      owner: undefined,
    };
    this.byInode.set(inode, entry);
    return entry;
  }

  ofType(type: NamespaceType): Entry[] {
    return [...this.byInode.values()].filter((entry) => entry.type === type);
  }
}

/** The links of a process's next child come after those of the eight types. */
const nextChildLinks = [
  ['pid', 'pid_for_children'],
  ['time', 'time_for_children'],
] as const;

export function gatherProcesses(processes: readonly SweptProcess[]): Entries {
  const entries = new Entries();
  const hold = (
    type: NamespaceType,
    inode: number,
    { startTicks }: SweptProcess,
    request: NamespaceRequest,
  ): Entry => {
    const entry = entries.get(type, inode);
    if (startTicks < entry.oldestTicks) entry.oldestTicks = startTicks;
    if (entry.requests.length < mostRequests) entry.requests.push(request);
    return entry;
  };
  for (const process of processes) {
    const { pid, namespaces } = process;
    for (const [index, type] of namespaceTypes.entries()) {
      const inode = namespaces[index] ?? 0;
      if (inode === 0) continue;
      hold(type, inode, process, { path: `${pid}/ns/${type}` }).processes.push(pid);
    }
  }
  // After all of those, so that a process in it is the first way to open it.
  for (const process of processes) {
    const { pid, namespaces, name: command } = process;
    for (const [index, [type, link]] of nextChildLinks.entries()) {
      const inode = namespaces[namespaceTypes.length + index] ?? 0;
      if (inode === 0 || inode === namespaces[namespaceTypes.indexOf(type)]) continue;
      hold(type, inode, process, { path: `${pid}/ns/${link}` }).holders.push({
        kind: 'next-child',
        pid,
        command,
      });
    }
    for (const { tid, namespaces: others } of process.threadsElsewhere) {
      for (const [index, type] of namespaceTypes.entries()) {
        const inode = others[index] ?? 0;
        if (inode === 0) continue;
        const request = { path: `${pid}/task/${tid}/ns/${type}` };
        hold(type, inode, process, request).holders.push({ kind: 'thread', pid, tid, command });
      }
      for (const [index, [type, link]] of nextChildLinks.entries()) {
        const inode = others[namespaceTypes.length + index] ?? 0;
        if (inode === 0) continue;
        const request = { path: `${pid}/task/${tid}/ns/${link}` };
        hold(type, inode, process, request).holders.push({ kind: 'next-child', pid, command });
      }
    }
    for (const { kind, fd, type, inode } of process.holds) {
      const request = { path: `${pid}/fd/${fd}`, socket: kind === 'socket' };
      hold(type, inode, process, request).holders.push({ kind, pid, fd, command });
    }
  }
  return entries;
}
