import type { OptionSpec, OptionTable } from '../options.js';
import { keepOptionTable } from './keep-options.js';
import { networkOptionTable } from './network-options.js';

const namespaceChoices = ['host', 'private', 'ns:', 'pid:'] as const;

function namespace(what: string, extra = ''): OptionSpec {
  return {
    kind: 'value',
    placeholder: 'NS',
    complete: namespaceChoices,
    help: `${what}: private, host, ns:PATH, pid:N${extra}`,
    group: 'Namespaces',
  };
}

/** The options of `warren run`: docker's names and meanings where docker has them. */
export const runOptionTable = {
  interactive: { kind: 'flag', short: 'i', help: 'pass standard input on to the command', group: 'Terminal' },
  tty: {
    kind: 'flag',
    short: 't',
    help: "give the command a terminal of the container's own",
    group: 'Terminal',
  },

  rootfs: {
    kind: 'value',
    placeholder: 'DIR',
    complete: 'directory',
    help: "use DIR as the root, copy-on-write (default: the machine's own root, copy-on-write, without its secrets)",
    group: 'Root file system',
  },
  rw: { kind: 'flag', help: 'let changes go to the --rootfs directory itself', group: 'Root file system' },
  'read-only': { kind: 'flag', help: 'mount the root read-only', group: 'Root file system' },
  home: { kind: 'flag', help: 'show /home and /root, without --rootfs', group: 'Root file system' },
  volume: {
    kind: 'list',
    short: 'v',
    placeholder: 'SRC:DST[:OPTS]',
    complete: 'file',
    help: "show the host's SRC at DST; OPTS: ro, rw, rslave, idmap, …",
    group: 'Root file system',
  },
  mount: {
    kind: 'list',
    placeholder: 'SPEC',
    complete: [
      'type=bind,',
      'type=tmpfs,',
      'type=proc,',
      'type=sysfs,',
      'type=mqueue,',
      'type=devpts,',
      'type=cgroup,',
    ],
    help: 'mount: type=bind,src=DIR,dst=DIR[,readonly] and others',
    group: 'Root file system',
  },
  tmpfs: {
    kind: 'list',
    placeholder: 'DST[:OPTS]',
    help: 'mount an empty tmpfs; OPTS: size=64m, mode=1777, ro, noexec, …',
    group: 'Root file system',
  },
  'shm-size': {
    kind: 'value',
    placeholder: 'SIZE',
    help: 'size of /dev/shm (default 64m)',
    group: 'Root file system',
  },
  'storage-opt': {
    kind: 'list',
    placeholder: 'size=SIZE',
    complete: ['size='],
    help: 'limit of the copy-on-write layer, which lives in memory',
    group: 'Root file system',
  },

  pid: namespace('process ids'),
  ipc: namespace('System V IPC and POSIX queues'),
  uts: namespace('host and domain name'),
  cgroupns: namespace('cgroups'),
  userns: namespace('users'),
  uidmap: {
    kind: 'list',
    placeholder: 'IN:OUT:LEN',
    help: 'map user ids into a private user namespace; several ranges by several options',
    group: 'Namespaces',
  },
  gidmap: {
    kind: 'list',
    placeholder: 'IN:OUT:LEN',
    help: 'the same for groups (default: as --uidmap)',
    group: 'Namespaces',
  },
  timens: namespace('clocks'),
  'boottime-offset': {
    kind: 'value',
    placeholder: 'SECONDS',
    help: 'add to CLOCK_BOOTTIME, in a private time namespace',
    group: 'Namespaces',
  },
  'monotonic-offset': {
    kind: 'value',
    placeholder: 'SECONDS',
    help: 'add to CLOCK_MONOTONIC, in a private time namespace',
    group: 'Namespaces',
  },

  hostname: { kind: 'value', short: 'h', placeholder: 'NAME', help: 'host name', group: 'Identity' },
  domainname: { kind: 'value', placeholder: 'NAME', help: 'NIS domain name', group: 'Identity' },
  user: {
    kind: 'value',
    short: 'u',
    placeholder: 'USER[:GROUP]',
    complete: 'user',
    help: "names or numbers, looked up in the container's files",
    group: 'Identity',
  },
  'group-add': { kind: 'list', placeholder: 'GROUP', help: 'supplementary group', group: 'Identity' },
  workdir: {
    kind: 'value',
    short: 'w',
    placeholder: 'DIR',
    help: 'working directory in the container (default /)',
    group: 'Identity',
  },
  env: {
    kind: 'list',
    short: 'e',
    placeholder: 'KEY[=VALUE]',
    help: "set in the environment; KEY alone takes the caller's value",
    group: 'Identity',
  },
  'env-file': {
    kind: 'list',
    placeholder: 'FILE',
    complete: 'file',
    help: 'read lines of KEY[=VALUE]',
    group: 'Identity',
  },
  umask: {
    kind: 'value',
    placeholder: 'OCTAL',
    help: 'file mode creation mask (default 022)',
    group: 'Identity',
  },

  'cap-add': {
    kind: 'list',
    placeholder: 'CAP',
    complete: 'capability',
    help: 'add a capability to the default ones; ALL',
    group: 'Privilege',
  },
  'cap-drop': {
    kind: 'list',
    placeholder: 'CAP',
    complete: 'capability',
    help: 'take one away; ALL',
    group: 'Privilege',
  },
  privileged: {
    kind: 'flag',
    help: 'all capabilities and devices, nothing masked or read-only, no seccomp',
    group: 'Privilege',
  },
  'security-opt': {
    kind: 'list',
    placeholder: 'OPT',
    complete: [
      'seccomp=',
      'seccomp=unconfined',
      'seccomp=default',
      'no-new-privileges',
      'systempaths=unconfined',
    ],
    help: 'seccomp=FILE|unconfined|default, no-new-privileges, systempaths=unconfined',
    group: 'Privilege',
  },
  'device-cgroup-rule': {
    kind: 'list',
    placeholder: 'RULE',
    help: 'let it use devices by number, as in "c 13:* rw"',
    group: 'Privilege',
  },
  device: {
    kind: 'list',
    placeholder: 'SRC[:DST[:rwm]]',
    complete: 'file',
    help: "give the container a device of the host's",
    group: 'Privilege',
  },
  ulimit: {
    kind: 'list',
    placeholder: 'NAME=SOFT[:HARD]',
    help: 'resource limit: nofile=1024:2048',
    group: 'Privilege',
  },
  'oom-score-adj': { kind: 'value', placeholder: 'N', help: '-1000 … 1000; see proc(5)', group: 'Privilege' },

  memory: {
    kind: 'value',
    short: 'm',
    placeholder: 'SIZE',
    help: 'most memory (at least 6m); a container that needs more is killed',
    group: 'Limits',
  },
  'memory-swap': {
    kind: 'value',
    placeholder: 'SIZE',
    help: 'most memory and swap together; -1: no limit (default: twice --memory)',
    group: 'Limits',
  },
  'memory-reservation': {
    kind: 'value',
    placeholder: 'SIZE',
    help: 'what is left to it when the machine runs short of memory',
    group: 'Limits',
  },
  cpus: { kind: 'value', placeholder: 'N', help: 'CPU time: 1.5 is one and a half CPUs', group: 'Limits' },
  'cpu-shares': {
    kind: 'value',
    short: 'c',
    placeholder: 'N',
    help: 'weight against others, 2 … 262144 (default 1024)',
    group: 'Limits',
  },
  'cpuset-cpus': { kind: 'value', placeholder: 'LIST', help: 'CPUs to run on: 0-2,5', group: 'Limits' },
  'cpuset-mems': { kind: 'value', placeholder: 'LIST', help: 'memory nodes to use: 0', group: 'Limits' },
  'pids-limit': {
    kind: 'value',
    placeholder: 'N',
    help: 'most processes and threads; -1: no limit',
    group: 'Limits',
  },
  'blkio-weight': {
    kind: 'value',
    placeholder: 'N',
    help: 'weight of its block I/O, 10 … 1000',
    group: 'Limits',
  },
  'cgroup-parent': {
    kind: 'value',
    placeholder: 'PATH',
    help: "control group to make the container's below (default: the caller's own)",
    group: 'Limits',
  },

  sysctl: {
    kind: 'list',
    placeholder: 'KEY=VALUE',
    help: "kernel parameter of the container's own namespaces",
    group: 'Kernel parameters',
  },
  'allow-unsafe-sysctl': {
    kind: 'list',
    placeholder: 'PATTERN',
    help: "let --sysctl set unsafe keys too: 'net.core.*'",
    group: 'Kernel parameters',
  },
  'sysctl-policy': {
    kind: 'value',
    placeholder: 'POLICY',
    complete: ['namespaced', 'k8s-safe'],
    help: "what --sysctl may set: all that the container's namespaces isolate (namespaced), or what Kubernetes calls safe (k8s-safe)",
    group: 'Kernel parameters',
  },
  'inherit-sysctls': {
    kind: 'optional',
    placeholder: 'PATTERN',
    implied: '*',
    help: "copy the host's values of what a new namespace would reset; PATTERN: 'net.ipv4.tcp_*'",
    group: 'Kernel parameters',
  },
  check: {
    kind: 'flag',
    help: 'try the values of parameters in throw-away namespaces first',
    group: 'Kernel parameters',
  },

  init: {
    kind: 'flag',
    help: 'run a small init as process 1, which forwards signals and reaps',
    group: 'Life',
  },
  'stop-signal': {
    kind: 'value',
    placeholder: 'SIGNAL',
    complete: 'signal',
    help: 'what asks the command to end (default SIGTERM)',
    group: 'Life',
  },
  'stop-timeout': {
    kind: 'value',
    placeholder: 'SECONDS',
    help: 'how long to wait after that before SIGKILL (default 10)',
    group: 'Life',
  },
  timeout: {
    kind: 'value',
    placeholder: 'DURATION',
    help: 'kill the container after 500ms, 90s, 1m30s, …',
    group: 'Life',
  },
  ...keepOptionTable,
  ...networkOptionTable,
  plan: {
    kind: 'optional',
    implied: 'text',
    placeholder: 'text|json',
    complete: ['text', 'json'],
    help: 'print the steps of the start, each with its reason, and take none',
    group: 'Life',
  },
} as const satisfies OptionTable;
