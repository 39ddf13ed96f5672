/** What each step does and why it stands where it does, in words: for `--plan` and for errors. */
import type { CgroupWrite } from '../kernel/cgroup/limits.js';
import type { FileSystemMount, MonitorConfig, MountFlags } from './config.js';
import type { NamespaceKind } from './constants.js';
import type { Step, StepOf } from './step.js';

export interface StepDescription {
  readonly what: string;
  readonly why: string;
}

export const namespaceNames: Readonly<Record<NamespaceKind, string>> = {
  user: 'user',
  mnt: 'mount',
  pid: 'PID',
  net: 'network',
  ipc: 'IPC',
  uts: 'UTS',
  cgroup: 'cgroup',
  time: 'time',
};

export function describeStep(step: Step): StepDescription {
  switch (step.op) {
    case 'adopt-orphans':
      return { what: 'adopt orphans', why: 'no new PID namespace will end what the command leaves behind' };
    case 'open-namespace':
      return {
        what: `open the ${namespaceNames[step.kind]} namespace ${step.path}`,
        why: 'all are opened before any is joined: afterwards the path may mean something else',
      };
    case 'join-namespace':
      return {
        what: `join the ${namespaceNames[step.kind]} namespace`,
        why: 'before new ones are made, so that they belong to the right owner',
      };
    case 'time-offsets':
      return {
        what: `make a time namespace: boottime ${signed(step.boottimeSec)} s, monotonic ${signed(step.monotonicSec)} s`,
        why: 'offsets can be set only while nobody is in it',
      };
    case 'own-mounts':
      return {
        what: 'leave the mount namespace of the caller',
        why: 'what the launcher mounts for the root must not show on the host',
      };
    case 'cgroup-parent': {
      const { path, make, writes } = step.parent;
      return {
        what: `${make ? 'make' : 'prepare'} the control group ${path}${valuesText(writes)}`,
        why: make ? 'the container’s is made below it; it stays' : 'groups below it get these controllers',
      };
    }
    case 'cgroup':
      return {
        what: `make the control group ${step.group.parent}/${step.name}${valuesText(step.group.writes)}`,
        why: 'its limits stand before anybody is in it; the launcher removes it at the end',
      };
    case 'device-program':
      return {
        what: `let a program of ${step.program.length / 8} instructions decide about devices in it`,
        why: 'cgroup v2 has no other rules for them; it stands before anybody is in the group',
      };
    case 'monitor':
      return {
        what: `stay as the monitor of the container${restartText(step.monitor)}`,
        why: 'it lives on when Warren ends, keeps log and status, and serves those who attach',
      };
    case 'hand-over':
      return {
        what: 'leave the new process to the monitor',
        why: 'it is the monitor’s child; what was joined on the way ends with this process',
      };
    case 'clone':
      return {
        what: `${step.kinds.length === 0 ? 'clone the process that becomes the command' : `clone into new namespaces: ${step.kinds.map((kind) => namespaceNames[kind]).join(', ')}`}${step.into === undefined ? '' : ', and into the control group'}`,
        why: `${step.kinds.length === 0 ? '' : 'all at once; '}what stands under “inside” is done by the new process`,
      };
    case 'map-ids':
      return {
        what: 'map user and group ids',
        why:
          (step.uidHelper ?? step.gidHelper)
            ? 'from outside, once; by newuidmap(1) and newgidmap(1), which may map what /etc/subuid and /etc/subgid give'
            : 'from outside, once; without it the new process is nobody (65534)',
      };
    case 'trace':
      return {
        what: 'record the refused calls of the command',
        why: 'by a tracer outside the container, once the ids are mapped: newuidmap(1) gets no privilege while it is traced',
      };
    case 'user-network':
      return {
        what: `connect the network by ${step.network.program}`,
        why: 'a program of the user’s, from outside: it runs as long as the command, and is started again should it die',
      };
    case 'remove-tree':
      return {
        what: `remove ${step.path}`,
        why: 'files that a container’s other users own, which only root in their user namespace can remove',
      };
    case 'open-user-namespace':
      return {
        what: 'open the new user namespace',
        why: 'its map translates the owners of the root’s files',
      };
    case 'hand-over-root':
      return { what: 'hand the root over', why: 'made with the rights of the caller, used without them' };
    case 'detach-root':
      return {
        what: 'hold the root by a descriptor',
        why: 'made with the rights of the caller, which end with the next step',
      };
    case 'release':
      return { what: 'let the process inside go on', why: 'its ids are mapped now' };
    case 'supervise':
      return {
        what: 'wait for the command',
        why: 'ends it when Warren ends, reports its exit, restores the terminal',
      };
    case 'enter':
      return {
        what:
          step.userNamespace === 'none'
            ? 'start a session of its own'
            : 'become root of the user namespace, in a session of its own',
        why: 'out of reach of the caller’s terminal',
      };
    case 'join-cgroups':
      return {
        what: joinText(step),
        why: 'before anything is allocated; the root of a cgroup namespace is the group one is in',
      };
    case 'open-cgroup':
      return {
        what: `open the control group ${step.directory}`,
        why: 'the new process joins it, when the host’s paths may be out of its sight',
      };
    case 'join-members':
      return {
        what: `join the control group${step.count === 1 ? '' : 's'}`,
        why: 'what it allocates from here on counts as the container’s',
      };
    case 'own-oom-score':
      return { what: `set the OOM score adjustment to ${step.value}`, why: 'inherited by the command' };
    case 'join-process':
      return {
        what:
          step.kinds.length === 0
            ? 'become root of the user namespace'
            : `join the process’s namespaces: ${step.kinds.map((kind) => namespaceNames[kind]).join(', ')}${step.becomeRoot ? ', and become root there' : ''}`,
        why: step.kinds.includes('pid')
          ? 'one is in a PID namespace from birth'
          : 'by a pidfd, which cannot come to mean another process',
      };
    case 'open-root':
      return {
        what: `open the directory ${step.path}`,
        why: 'it is entered later, when the path may mean something else',
      };
    case 'enter-root':
      return {
        what: 'make that directory the root',
        why: 'after the namespaces: joining one moves the root',
      };
    case 'take-target':
      return {
        what: `copy the mounts of the process’s root${step.readOnly ? ', read-only' : ''}`,
        why: 'in its mount namespace, for a mount can be copied only there; nothing in it changes',
      };
    case 'attach-target':
      return {
        what: `show the process’s root on /${step.at}`,
        why: 'its files, beside programs of the host',
      };
    case 'fresh-sysfs':
      return {
        what: 'mount sysfs on /sys',
        why: 'it shows the devices of the network namespace that it was mounted in',
      };
    case 'cover':
      return {
        what: `show ${step.source} as ${step.target}`,
        why: 'for this command alone, in a mount table of its own',
      };
    case 'exec-terminal':
      return {
        what: `open a terminal (${step.rows}×${step.columns}) and make it the controlling one`,
        why: 'from the container’s devpts, seen to be one; its master goes to the caller',
      };
    case 'receive-root':
      return { what: 'take the root over', why: 'a descriptor of a mount needs no path' };
    case 'map-volume':
      return {
        what: `change the ids of the volume source ${step.mount.source}`,
        why: 'with the rights over its file system, and before it is mounted: its owners go through the container’s map',
      };
    case 'open-source':
      return {
        what: `open the volume source ${step.mount.source}`,
        why: 'while the path means what it means on the host',
      };
    case 'propagation':
      return { what: 'make all mounts private', why: 'nothing mounted from here on reaches the host' };
    case 'scratch':
      if (step.store !== undefined) {
        return {
          what: `open ${step.store}, which keeps what the container writes`,
          why: 'its next start finds it there',
        };
      }
      return {
        what: `make a tmpfs for what the container writes${step.sizeBytes === undefined ? '' : ` (${step.sizeBytes} bytes)`}`,
        why: 'it vanishes with the container',
      };
    case 'attach-scratch':
      return {
        what: 'attach the tmpfs out of sight',
        why: 'overlayfs takes layers only from the present mount namespace',
      };
    case 'layer':
      return {
        what: `make the writable layer for /${step.layer.at}`,
        why: 'overlayfs wants an upper and a work directory when it is mounted',
      };
    case 'layer-directory': {
      const path = pathInContainer(step.at, step.directory.path);
      return step.opaque
        ? {
            what: `hide what is in ${path}`,
            why: 'it is not for the container; an opaque directory hides what lies below it',
          }
        : {
            what: `make ${path} in the layer`,
            why: 'for what goes below it, with the owner and mode it has',
          };
    }
    case 'layer-file':
      return {
        what: `write ${pathInContainer(step.at, step.file.path)} into the layer`,
        why: 'the container has its own; the host’s stays as it is',
      };
    case 'layer-ready':
      return {
        what: 'name the layer as finished',
        why: 'a start that is killed before begins it anew; a later one finds it',
      };
    case 'overlay':
      return {
        what: `lay the writable layer over ${step.layer.lower}`,
        why: 'reads come from below, writes stay above',
      };
    case 'skeleton':
      return {
        what: `make the top of the root (${step.entries.length} entries)`,
        why: 'a user namespace may not overlay / itself',
      };
    case 'directory-root':
      return { what: `take ${step.path} as the root`, why: 'as it is: what the container writes goes there' };
    case 'attach-root':
      return {
        what: 'attach the new root',
        why: 'pivot_root wants a mount point, and mounts below it an attached one',
      };
    case 'attach-layer':
      return { what: `attach the overlay of /${step.at}`, why: 'a file system of its own on the host too' };
    case 'mount':
      return {
        what: `mount ${step.mount.type} on /${step.mount.target}${flagText(step.mount)}`,
        why: mountReason(step.mount),
      };
    case 'devices':
      return {
        what: `fill /dev: ${step.devices.map(({ path }) => path).join(', ')}`,
        why: step.bind ? 'bound from the host: a user namespace may not make nodes' : 'these and no others',
      };
    case 'bind-system':
      return {
        what: `show the host’s ${step.source}${step.readOnly ? ', read-only' : ''}`,
        why: sharedReasons[step.source] ?? 'it is shared with the host',
      };
    case 'cgroups':
      return {
        what: `show the cgroup on /sys/fs/cgroup${step.readOnly ? ', read-only' : ''}`,
        why: 'its own part of each hierarchy, and nothing above',
      };
    case 'bind':
      return {
        what: `mount ${step.mount.source} on /${step.mount.target}${flagText(step.mount)}`,
        why: 'after the root is prepared and before it is entered',
      };
    case 'loopback':
      return { what: 'bring up lo', why: 'a new network namespace has it, down, and nothing else' };
    case 'sysctl':
      return {
        what: `set ${step.path.replaceAll('/', '.')} = ${step.value}`,
        why: 'the namespace exists, /proc/sys is still writable, the command has not started',
      };
    case 'oom-score':
      return { what: `set the OOM score adjustment to ${step.value}`, why: 'inherited by the command' };
    case 'empty-directory':
      return { what: 'make an empty read-only directory', why: 'to cover others with' };
    case 'mask':
      return { what: `mask ${step.path}`, why: 'it tells about the host, or acts on it' };
    case 'read-only-path':
      return {
        what: `make ${step.path} read-only`,
        why:
          step.path === '/proc/sys' ? 'after the parameters are written' : 'writing there acts on the host',
      };
    case 'terminal':
      return {
        what: `open a terminal (${step.rows}×${step.columns}) and make it the controlling one`,
        why: 'from the container’s own devpts; its master goes to the caller',
      };
    case 'read-only-root':
      return { what: 'make the root read-only', why: 'after the last mount point was made in it' };
    case 'pivot':
      return {
        what: 'pivot into the root, and let go of the host’s tree',
        why: 'from here on no path leads to the host',
      };
    case 'hostname':
      return { what: `set the host name to ${step.name}`, why: 'in the UTS namespace of its own' };
    case 'domainname':
      return { what: `set the NIS domain name to ${step.name}`, why: 'in the UTS namespace of its own' };
    case 'working-directory':
      return {
        what: `change to ${step.path}`,
        why: 'and check that it lies inside the root (CVE-2024-21626)',
      };
    case 'umask':
      return {
        what: `set the umask to ${step.mask.toString(8).padStart(4, '0')}`,
        why: 'it was 0 while mount points were made',
      };
    case 'rlimit':
      return {
        what: `limit ${step.name} to ${limitText(step.soft)}:${limitText(step.hard)}`,
        why: 'late, so that it binds the command and not the preparation',
      };
    case 'bounding':
      return {
        what: `keep ${count(step.keep)} capabilities in the bounding set`,
        why: 'no execve can regain the others',
      };
    case 'user':
      return {
        what: `become user ${step.uid}, group ${step.gid}`,
        why: 'after the last step that needs root’s files',
      };
    case 'capabilities':
      return {
        what: `set the inheritable (${count(step.inheritable)}) and ambient (${count(step.ambient)}) capabilities`,
        why: 'execve computes the command’s own from these and the bounding set',
      };
    case 'no-new-privileges':
      return { what: 'set no_new_privs', why: 'set-user-ID programs give nothing' };
    case 'die-with-parent':
      return {
        what: 'ask for SIGKILL when the launcher dies',
        why: 'after the last change of ids, which would clear it',
      };
    case 'close-rest':
      return {
        what: 'close everything but 0, 1 and 2 at the execve',
        why: 'the command gets no descriptor of ours',
      };
    case 'init':
      return { what: 'fork; stay as a small init', why: 'process 1 reaps orphans and forwards signals' };
    case 'unblock-signals':
      return {
        what: 'unblock all signals',
        why: 'they were held back while handlers were not the command’s',
      };
    case 'seccomp':
      return {
        what: `load the system-call filter (${step.program.length / 8} instructions)`,
        why: 'last: nothing but the execve comes after it',
      };
    case 'exec':
      return {
        what: `execute ${step.argv.map(shellWord).join(' ')}`,
        why: `tried as ${step.paths.join(', ')}`,
      };
    case 'leave':
      return {
        what: `${step.become === true ? `become user ${step.uid}, and ` : ''}move to throw-away namespaces: ${step.kinds.map((kind) => namespaceNames[kind]).join(', ')}`,
        why: 'to ask what holds in them',
      };
    case 'hold-root':
      return {
        what: 'hand the root over, and hold it until nobody wants it',
        why: 'the mounts below it live as long as somebody is in this namespace',
      };
    case 'collect-cgroups':
      return {
        what: `remove ${step.candidates.length} control groups that nobody holds`,
        why: 'a launcher that lives holds a lock on its own',
      };
    case 'hand-over-namespace':
      return {
        what: `hand the ${namespaceNames[step.kind]} over to who asked`,
        why: 'it lives on for as long as its descriptor',
      };
    case 'hand-over-sysctls':
      return {
        what: `hand over ${step.path.replaceAll('/', '.')}`,
        why: 'what was opened inside the namespace stays its',
      };
    case 'mark-sysctls':
      return {
        what: `give ${step.marks.length} parameters other values`,
        why: 'only these throw-away namespaces have them',
      };
    case 'survey-sysctls':
      return {
        what: `read ${step.paths.length} parameters, and try whether they could be written`,
        why: 'nothing is written',
      };
    case 'probe-sysctls':
      return {
        what: `try whether ${step.paths.length} parameters could be written`,
        why: 'nothing is written',
      };
    case 'mount-over':
      return {
        what: `mount it over ${step.target}`,
        why: 'those who have the old one open keep it; whoever opens it from now on has the new one',
      };
    case 'read-sysctl':
      return { what: `read ${step.path.replaceAll('/', '.')}`, why: 'seen from inside the namespace' };
    case 'write-sysctl':
      return {
        what: `set ${step.path.replaceAll('/', '.')} = ${step.value}`,
        why: 'through the host’s /proc/sys, which is writable, from inside the namespace',
      };
  }
}

/** Where the container will see what a layer holds. */
function pathInContainer(at: string, path: string): string {
  return at === '' ? `/${path}` : `/${at}/${path}`;
}

function mountReason({ type, target }: FileSystemMount): string {
  if (target === 'dev/shm') return 'shared memory of its own, limited in size';
  return mountReasons[type] ?? 'as asked for';
}

const sharedReasons: Readonly<Record<string, string>> = {
  '/proc': 'only the owner of a PID namespace may mount its own',
  '/sys': 'only the owner of a network namespace may mount its own',
  '/dev/shm': 'the container shares the host’s IPC namespace, and shared memory is part of that',
};

const mountReasons: Readonly<Record<string, string>> = {
  proc: 'after the PID namespace exists: it shows that one',
  devpts: 'terminals of its own, not the host’s',
  mqueue: 'the queues of its IPC namespace',
  sysfs: 'shows the devices of its network namespace',
  cgroup: 'the hierarchy as its cgroup namespace shows it',
  cgroup2: 'the hierarchy as its cgroup namespace shows it',
};

function signed(value: number): string {
  return value < 0 ? String(value) : `+${value}`;
}

function flagText({ readOnly, noexec, nosuid, nodev }: MountFlags): string {
  const words = [readOnly && 'ro', nosuid && 'nosuid', nodev && 'nodev', noexec && 'noexec'].filter(Boolean);
  return words.length === 0 ? '' : ` (${words.join(',')})`;
}

function valuesText(writes: readonly CgroupWrite[]): string {
  return writes.length === 0
    ? ''
    : `: ${writes.map(({ files, value }) => `${files[0]}=${value}`).join(', ')}`;
}

function limitText(value: bigint): string {
  return value === 0xffff_ffff_ffff_ffffn ? 'unlimited' : String(value);
}

function count(mask: bigint): number {
  let bits = 0;
  for (let rest = mask; rest > 0n; rest >>= 1n) bits += Number(rest & 1n);
  return bits;
}

function shellWord(word: string): string {
  return /^[\w@%+=:,./-]+$/.test(word) ? word : `'${word.replaceAll("'", String.raw`'\''`)}'`;
}

function restartText({ restart, mostRestarts }: MonitorConfig): string {
  if (restart === 'no') return '';
  return mostRestarts === 0
    ? `, started again ${restart}`
    : `, started again ${restart}, at most ${mostRestarts} times`;
}

function joinText({ count, into, namespace }: StepOf<'join-cgroups'>): string {
  const joined = count - (into === undefined ? 0 : 1);
  if (joined === 0)
    return namespace ? 'make a cgroup namespace of the group it is in' : 'let go of the control group';
  const text = `join the ${into === undefined ? '' : 'other '}control group${joined === 1 ? '' : 's'}`;
  return namespace ? `${text}, and make a cgroup namespace of ${joined === 1 ? 'it' : 'them'}` : text;
}
