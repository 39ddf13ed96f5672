import type { SysctlOrigin } from '../../../kernel/sysctl-measured.js';

export type Origin = SysctlOrigin;

/**
 * When a value counts.
 *
 * - `each-use`: read whenever it is needed: a change holds at once. - `socket`: copied when a socket is made.
 * - `listen`: when listen(2) is called. - `connection`: settled in the handshake. - `timer`: when a timer is set; those that
 * run keep their time. - `entry`: when an entry of a table is made or refreshed. - `interface`: copied when an interface appears.
 */
export type Use = 'each-use' | 'socket' | 'listen' | 'connection' | 'timer' | 'entry' | 'interface';

/**
 * Which of `conf/all` and `conf/IFACE` counts. `max`: the larger. `or`: either. `and`: both. `interface`: that of the interface;
 * `all` is not read. `sets-all`: that of the interface, and a write to `all` writes every one. `redirects`: `and` on a router, else `or`.
 */
export type Combination = 'max' | 'or' | 'and' | 'interface' | 'sets-all' | 'redirects';

export type Document =
  'ip-sysctl' | 'net' | 'conntrack' | 'mptcp' | 'xfrm' | 'bridge' | 'sysvipc' | 'mqueue' | 'uts' | 'user';

/** What is known of one parameter, or of one name in every interface's folder. */
export interface Facts {
  /** Undefined: not known, and not to be guessed. */
  readonly origin?: Origin;
  /** The first Linux in which each namespace has its own. */
  readonly since?: string;
  readonly use?: Use;
  readonly combination?: Combination;
  /** What people trip over: a sentence. */
  readonly trap?: string;
  /** A limit of the whole machine that holds beside it: a sentence. */
  readonly limit?: string;
  readonly document: Document;
}

/** Keys of one folder, by what differs from the folder's own facts. */
export type Rows = Readonly<Record<string, Omit<Facts, 'document'>>>;
