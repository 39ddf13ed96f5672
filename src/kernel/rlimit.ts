import { invalid, quote } from '../errors.js';
import { didYouMean } from './nearest.js';

/**
 * Numbers of x86-64 and arm64, which agree.
 *
 * @see setrlimit(2)
 */
export const rlimitNumbers = {
  cpu: 0,
  fsize: 1,
  data: 2,
  stack: 3,
  core: 4,
  rss: 5,
  nproc: 6,
  nofile: 7,
  memlock: 8,
  as: 9,
  locks: 10,
  sigpending: 11,
  msgqueue: 12,
  nice: 13,
  rtprio: 14,
  rttime: 15,
} as const;

export type RlimitName = keyof typeof rlimitNumbers;

/** RLIM_INFINITY of prlimit64(2): no limit. */
export const rlimitInfinity = (1n << 64n) - 1n;

export interface Rlimit {
  readonly name: RlimitName;
  readonly resource: number;
  /** In the units of setrlimit(2): bytes, seconds or a count. */
  readonly soft: bigint;
  readonly hard: bigint;
}

/** A limit in fields; `Infinity` and −1 for unlimited. */
export interface RlimitFields {
  readonly name: string;
  readonly soft: number;
  readonly hard: number;
}

/**
 * @param limit Docker's `NAME=SOFT[:HARD]` (`unlimited` or −1 for no limit; the hard limit is the soft one by default), or fields.
 * @throws {WarrenError} `ERR_ULIMIT`.
 */
export function parseUlimit(limit: string | RlimitFields): Rlimit {
  const text = typeof limit === 'string' ? limit : `${limit.name}=${limit.soft}:${limit.hard}`;
  const [, nameText, softText, hardText] = /^([^=]*)=([^:]*)(?::(.*))?$/s.exec(text) ?? [];
  if (nameText === undefined || softText === undefined) {
    throw bad(text, 'it is not NAME=SOFT or NAME=SOFT:HARD', 'write it as nofile=1024:2048');
  }
  const name = nameText.toLowerCase().replace(/^rlimit_/, '');
  if (!isRlimitName(name)) {
    throw bad(
      text,
      `there is no limit ${quote(nameText)}`,
      didYouMean(name, Object.keys(rlimitNumbers)) ?? 'see setrlimit(2) for the names',
    );
  }
  const soft = parseValue(text, softText);
  const hard = hardText === undefined ? soft : parseValue(text, hardText);
  if (soft > hard)
    throw bad(text, 'its soft limit is above its hard one', 'raise the hard limit, or lower the soft one');
  return { name, resource: rlimitNumbers[name], soft, hard };
}

function parseValue(text: string, value: string): bigint {
  if (/^(?:unlimited|-1|Infinity)$/.test(value)) return rlimitInfinity;
  const number = /^\d{1,20}$/.test(value) ? BigInt(value) : undefined;
  if (number !== undefined && number <= rlimitInfinity) return number;
  throw bad(text, `${quote(value)} is not a whole number`, 'write plain digits, or "unlimited"');
}

function isRlimitName(name: string): name is RlimitName {
  return Object.hasOwn(rlimitNumbers, name);
}

function bad(text: string, why: string, fix: string): Error {
  return invalid('ERR_ULIMIT', `Cannot use the ulimit ${quote(text)}`, why, fix);
}
