/** What the tables say, as sentences. */
import type { SysctlScope } from '../../kernel/sysctl-scope.js';
import type { Combination, Origin, Use } from './table/index.js';

export const scopeNames: Readonly<Record<SysctlScope, string>> = {
  network: 'network',
  ipc: 'IPC',
  uts: 'UTS',
  user: 'user',
  host: 'no',
};

export const originSentences: Readonly<Record<Origin, string>> = {
  initial:
    'A new network namespace copies the value that the machine’s first network namespace has at that moment; later changes there do not reach it.',
  creator: 'A new namespace copies the value of the namespace it is made in.',
  default: 'A new namespace starts with the kernel’s default, whatever the host has.',
  computed:
    'It starts with a value computed from memory, CPUs, the size of the namespace’s tables or the kind of the device, whatever the host has.',
  'conf-default': 'An interface starts with what its own namespace’s conf/default holds when it appears.',
  'neigh-default':
    'An interface starts with what the machine’s neigh/default holds when it appears, in whatever namespace.',
  shared: 'It has one value for the machine, which every namespace shows.',
  none: 'There is no first value to take over.',
};

/** What becomes of what exists already when a value changes. */
const useSentences: Readonly<Record<Use, string>> = {
  'each-use': 'It is read whenever it is needed, so a change holds at once, for existing sockets too.',
  socket: 'A socket copies it when it is made: sockets that exist keep the old value.',
  listen:
    'listen(2) takes it: a server that listens already keeps the old value until it calls listen again.',
  connection: 'It is settled when a connection is made: those that stand keep what was settled.',
  timer: 'It is read when a timer is set: a connection whose timer runs keeps its old time until that ends.',
  entry: 'An entry takes it when it is made or refreshed: those that exist keep what they have until then.',
  interface: 'An interface copies it when it appears: those that exist keep what they have.',
};

/** The same for keys that have nothing to do with sockets. */
export function useSentence(use: Use, scope: SysctlScope): string {
  if (scope === 'network') return useSentences[use];
  return use === 'entry'
    ? 'A queue takes it when it is made: those that exist keep what they have.'
    : 'It is read whenever it is needed, so a change holds at once.';
}

/** Whether existing sockets and connections keep the old value, in one clause. */
export function keepsOld(use: Use | undefined): boolean | undefined {
  return use === undefined ? undefined : use !== 'each-use';
}

export const beforeStart: Readonly<Record<Use, string | undefined>> = {
  'each-use': undefined,
  socket: 'before the application starts, because a socket copies it when it is made',
  listen: 'before the application starts, because listen(2) takes it',
  connection: 'before the application connects, because it is settled in the handshake',
  timer: 'before the application connects, because a timer that runs keeps its time',
  entry: undefined,
  interface: 'before the interface appears, because it copies the value then',
};

export const combinationSentences: Readonly<Record<Combination, string>> = {
  max: 'The larger of conf.all and the interface’s own counts.',
  or: 'It is on where either conf.all or the interface’s own is.',
  and: 'It is on only where both conf.all and the interface’s own are.',
  interface: 'Only the interface’s own counts; conf.all is not read.',
  'sets-all': 'The interface’s own counts; a write to conf.all sets all of them, and conf.default.',
  redirects:
    'On an interface that forwards both conf.all and its own must be set; on another either is enough.',
};
