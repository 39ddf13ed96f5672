/** Every namespace of the machine, of all eight types, and who holds it. */
import { readFileSync, statSync } from 'node:fs';
import { parseMountinfo } from '../../kernel/mountinfo.js';
import { namespaceAddon } from '../../native/index.js';
import { decodeSweep, namespaceTypes, type SweptProcess } from '../../native/namespace.js';
import { containerOfCgroup } from './container.js';
import { gatherProcesses, type Entries, type Entry } from './gather.js';
import type { FirstProcess, Namespace, NamespaceContainer, NamespaceInventory } from './namespace.js';
import { addListed, relate, type Refused } from './relate.js';

/**
 * Looks at the whole machine once. Nothing is changed; a process that ends meanwhile is left out, with the namespaces that
 * end with it.
 *
 * As an ordinary user it shows what that user may see, and `unseen` says what is missing.
 */
export async function readNamespaces(): Promise<NamespaceInventory> {
  const processes = decodeSweep(await namespaceAddon().sweepProcesses());
  const entries = gatherProcesses(processes);
  const listedByKernel = await addListed(entries);
  const refused = await relate(entries, statSync('/proc/self/ns/mnt').ino);
  return {
    namespaces: finish(entries, processes),
    listedByKernel,
    unseen: unseen(processes, refused),
  };
}

function finish(entries: Entries, processes: readonly SweptProcess[]): Namespace[] {
  const byPid = new Map(processes.map((process) => [process.pid, process]));
  const details = new Map<number, Details>();
  const detailsOf = (pid: number | undefined): Details => {
    const process = pid === undefined ? undefined : byPid.get(pid);
    if (!process) return {};
    const known = details.get(process.pid) ?? readDetails(process);
    details.set(process.pid, known);
    return known;
  };
  const uptimeTicks = readUptimeSec() * TICKS_PER_SECOND;
  return [...entries.byInode.values()]
    .map((entry): Namespace => {
      const pids = entry.processes.sort((a, b) => a - b);
      const { first } = detailsOf(pids[0]);
      const holder = entry.holders.find((each) => 'pid' in each);
      return {
        type: entry.type,
        inode: entry.inode,
        processes: pids,
        holders: entry.holders,
        parent: entry.parent,
        owner: entry.owner,
        creatorUid: creatorUid(entries, entry),
        first,
        container: detailsOf(pids[0] ?? holder?.pid).container,
        ageSec:
          entry.oldestTicks === Infinity
            ? undefined
            : Math.max(0, Math.floor((uptimeTicks - entry.oldestTicks) / TICKS_PER_SECOND)),
      };
    })
    .sort((a, b) => namespaceTypes.indexOf(a.type) - namespaceTypes.indexOf(b.type) || a.inode - b.inode);
}

/** USER_HZ, the unit of times in /proc, on every architecture we know. */
const TICKS_PER_SECOND = 100;

function readUptimeSec(): number {
  return Number(readFileSync('/proc/uptime', 'latin1').split(' ')[0]);
}

function creatorUid(entries: Entries, entry: Entry): number | undefined {
  if (entry.type === 'user') return entry.facts?.uid;
  return typeof entry.owner === 'number' ? entries.byInode.get(entry.owner)?.facts?.uid : undefined;
}

interface Details {
  readonly first?: FirstProcess;
  readonly container?: NamespaceContainer;
}

function readDetails({ pid, ppid, uid, name, startTicks }: SweptProcess): Details {
  const read = (file: string): string => {
    try {
      return readFileSync(`/proc/${pid}/${file}`, 'utf8');
    } catch {
      // It has ended, or belongs to somebody else: its name is known all the same.
      return '';
    }
  };
  const [commandLine, cgroup] = [read('cmdline'), read('cgroup')];
  const same = startOf(read('stat')) === startTicks;
  const words = same ? commandLine.replace(/\0+$/, '').replaceAll('\0', ' ') : '';
  const container = same ? containerOfCgroup(cgroup) : undefined;
  return {
    first: { pid, ppid, uid, command: words === '' ? `[${name}]` : words },
    ...(container ? { container } : {}),
  };
}

/** Field 22; the name before it may hold anything. See proc_pid_stat(5). */
function startOf(stat: string): number {
  return Number(stat.slice(stat.lastIndexOf(')') + 2).split(' ')[19]);
}

function unseen(processes: readonly SweptProcess[], refused: Refused): string[] {
  const count = (what: keyof SweptProcess['denied']): number =>
    processes.filter(({ denied }) => denied[what]).length;
  const hidden = hiddenProcesses();
  const [links, descriptors, sockets] = [count('links'), count('descriptors'), count('sockets')];
  return [
    ...(hidden ? [hidden] : []),
    ...(links === 0
      ? []
      : [`the namespaces of ${links} of ${processes.length} processes, which may not be traced from here`]),
    ...(descriptors === 0 ? [] : [`what ${descriptors} of ${processes.length} processes hold open`]),
    ...(sockets === 0 ? [] : [`where the sockets of ${sockets} processes are`]),
    ...(refused.mounts === 0 ? [] : [`what is mounted in ${refused.mounts} mount namespaces`]),
    ...(refused.namespaces === 0 ? [] : [`who owns ${refused.namespaces} namespaces`]),
  ];
}

/** hidepid: see proc(5). Root, and members of `gid`, see all the same. */
function hiddenProcesses(): string | undefined {
  const proc = parseMountinfo(readFileSync('/proc/self/mountinfo', 'utf8')).findLast(
    ({ mountPoint }) => mountPoint === '/proc',
  );
  const value = proc?.superOptions.find((option) => option.startsWith('hidepid='));
  if (value === undefined || ['hidepid=0', 'hidepid=off'].includes(value)) return undefined;
  if (process.geteuid?.() === 0) return undefined;
  return `the processes of others: /proc is mounted with ${value}`;
}
