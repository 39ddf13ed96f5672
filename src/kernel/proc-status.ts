import { readFile } from 'node:fs/promises';
import { WarrenError } from '../errors.js';
import { parseCapabilityMask } from './capabilities.js';

/** A process's four ids of one kind; see credentials(7). */
export interface ProcessIds {
  readonly real: number;
  readonly effective: number;
  readonly saved: number;
  readonly filesystem: number;
}

/** The five sets, as masks; see capabilities(7). */
export interface CapabilitySets {
  readonly inheritable: bigint;
  readonly permitted: bigint;
  readonly effective: bigint;
  readonly bounding: bigint;
  readonly ambient: bigint;
}

/** What Warren reads from `/proc/PID/status`; see proc_pid_status(5). */
export interface ProcStatus {
  /** At most 15 bytes for a program; may hold any character, newlines too. */
  readonly name: string;
  readonly uid: ProcessIds;
  readonly gid: ProcessIds;
  readonly groups: readonly number[];
  /** The pid in each namespace, from the reader's own inwards; empty on a kernel without CONFIG_PID_NS. */
  readonly nsPids: readonly number[];
  readonly capabilities: CapabilitySets;
  readonly noNewPrivileges: boolean;
  readonly seccomp: 'disabled' | 'strict' | 'filter';
}

/**
 * @param pid As seen in the caller's pid namespace.
 * @throws {WarrenError} `ERR_PROCESS_NOT_FOUND`, `ERR_PROC_STATUS`.
 */
export async function readProcStatus(pid: number | 'self'): Promise<ProcStatus> {
  let text: string;
  try {
    text = await readFile(`/proc/${pid}/status`, 'utf8');
  } catch (cause) {
    const errno = cause instanceof Error && 'code' in cause ? String(cause.code) : undefined;
    // ESRCH: it ended between open and read.
    if (errno !== 'ENOENT' && errno !== 'ESRCH') throw cause;
    throw new WarrenError('ERR_PROCESS_NOT_FOUND', `Cannot read the status of process ${pid}`, {
      kind: 'not-found',
      why: `/proc/${pid}/status does not exist`,
      fix: 'check the pid; it is looked up in your own pid namespace',
      errno,
      cause,
    });
  }
  return parseProcStatus(text);
}

/** @throws {WarrenError} `ERR_PROC_STATUS` when a line is missing or damaged. */
export function parseProcStatus(text: string): ProcStatus {
  const fields = new Map<string, string>();
  for (const line of text.split('\n')) {
    const colon = line.indexOf(':');
    // The first of a name counts: "Name" comes first, so a process cannot add fields by what it calls itself.
    const key = line.slice(0, colon);
    if (colon > 0 && !fields.has(key)) fields.set(key, line.slice(colon + 1).replace(/^\t/, ''));
  }
  const get = (key: string): string => fields.get(key) ?? damaged(key, 'it is missing');
  return {
    name: unescapeName(get('Name')),
    uid: ids('Uid', get('Uid')),
    gid: ids('Gid', get('Gid')),
    groups: numbers('Groups', get('Groups')),
    nsPids: numbers('NSpid', fields.get('NSpid') ?? ''),
    capabilities: {
      inheritable: mask('CapInh', get('CapInh')),
      permitted: mask('CapPrm', get('CapPrm')),
      effective: mask('CapEff', get('CapEff')),
      bounding: mask('CapBnd', get('CapBnd')),
      ambient: mask('CapAmb', get('CapAmb')),
    },
    noNewPrivileges: get('NoNewPrivs').trim() === '1',
    seccomp: seccompMode(fields.get('Seccomp')),
  };
}

/** The kernel escapes newline and backslash there, and nothing else. */
function unescapeName(text: string): string {
  return text.replace(/\\([n\\])/g, (_, char: string) => (char === 'n' ? '\n' : '\\'));
}

function ids(key: string, text: string): ProcessIds {
  const [real, effective, saved, filesystem] = numbers(key, text);
  if (real === undefined || effective === undefined || saved === undefined || filesystem === undefined) {
    return damaged(key, 'it has fewer than four ids');
  }
  return { real, effective, saved, filesystem };
}

function numbers(key: string, text: string): number[] {
  return text
    .split(/\s+/)
    .filter((word) => word !== '')
    .map((word) =>
      /^\d{1,10}$/.test(word) ? Number(word) : damaged(key, 'it holds something that is not a number'),
    );
}

function mask(key: string, text: string): bigint {
  return /^[0-9a-f]{1,16}$/.test(text.trim())
    ? parseCapabilityMask(text.trim())
    : damaged(key, 'it is not a mask');
}

/** The line is missing on a kernel without CONFIG_SECCOMP. */
function seccompMode(text: string | undefined): ProcStatus['seccomp'] {
  if (text?.trim() === '1') return 'strict';
  return text?.trim() === '2' ? 'filter' : 'disabled';
}

function damaged(key: string, why: string): never {
  throw new WarrenError('ERR_PROC_STATUS', `Cannot read the line ${key} of /proc/PID/status`, {
    kind: 'kernel',
    why,
  });
}
