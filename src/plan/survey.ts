/** What a `survey-sysctls` step answers. */
import { constants as system } from 'node:os';
import { accessOfErrno, trimValue, type Access, type Reading } from '../kernel/sysctl-reading.js';
import { SURVEY_VALUE_BYTES } from './lower/probe.js';

export interface Surveyed {
  readonly reading: Reading;
  readonly access: Access;
}

/** How many parameters one step can ask about: each keeps three answers in slots. */
export const SURVEY_MOST = 60;

export function readSurvey(reply: Buffer, paths: readonly string[]): Map<string, Surveyed> {
  return new Map(paths.map((path, index) => [path, surveyed(reply, index, paths.length)]));
}

function surveyed(reply: Buffer, index: number, count: number): Surveyed {
  const number = (which: number): number => reply.readInt32LE(4 + index * 12 + which * 4);
  const [write, read, length] = [number(0), number(1), number(2)];
  const access = write >= 0 ? 'writable' : accessOfErrno(errnoName(write));
  if (read < 0 || length < 0) return { access, reading: { errno: errnoName(read < 0 ? read : length) } };
  const start = 4 + count * 12 + index * SURVEY_VALUE_BYTES;
  return { access, reading: { value: trimValue(reply.toString('utf8', start, start + length)) } };
}

function errnoName(answer: number): string {
  return Object.entries(system.errno).find(([, value]) => value === -answer)?.[0] ?? `errno ${-answer}`;
}
