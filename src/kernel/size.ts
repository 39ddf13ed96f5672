import { invalid, quote } from '../errors.js';

const sizeUnits: Readonly<Record<string, number>> = {
  '': 1,
  k: 2 ** 10,
  m: 2 ** 20,
  g: 2 ** 30,
  t: 2 ** 40,
  p: 2 ** 50,
};

/**
 * @param size Bytes, or docker's text: a decimal number and a unit of 1024 (`b`, `k`, `m`, `g`, `t`, `p`; `kb` and `KiB` are the same).
 * @param what What it is the size of, for the message.
 * @returns Whole bytes, rounded down.
 * @throws {WarrenError} `ERR_SIZE`.
 */
export function parseSize(size: number | string, what = 'size'): number {
  const bytes = typeof size === 'number' ? size : sizeFromText(size);
  if (bytes !== undefined && Number.isSafeInteger(bytes) && bytes >= 0) return bytes;
  throw invalid(
    'ERR_SIZE',
    `Cannot use the ${what} ${quote(String(size))}`,
    'it is not a number of bytes, with or without a unit',
    'write it as 64m, 1.5g or 1048576 (units b, k, m, g, t, p, of 1024)',
  );
}

const nanosecondsOf: Readonly<Record<string, number>> = {
  ns: 1,
  us: 1e3,
  µs: 1e3,
  μs: 1e3,
  ms: 1e6,
  s: 1e9,
  m: 60e9,
  h: 3600e9,
};

/**
 * @param duration Seconds, or Go's text (`10s`, `1m30s`, `250ms`, `1.5h`).
 * @param what What lasts so long, for the message.
 * @returns Whole milliseconds, rounded up: something short is not the same as nothing.
 * @throws {WarrenError} `ERR_DURATION`.
 */
export function parseDurationMs(duration: number | string, what = 'duration'): number {
  const ns = durationNs(String(duration));
  const ms = Math.ceil(Math.round(ns ?? NaN) / 1e6);
  if (Number.isSafeInteger(ms)) return ms;
  throw invalid(
    'ERR_DURATION',
    `Cannot use the ${what} ${quote(String(duration))}`,
    'it is not a number of seconds, nor numbers with units',
    'write it as 10, 10s, 1m30s or 250ms (units h, m, s, ms, us, ns)',
  );
}

function sizeFromText(text: string): number | undefined {
  const [, number, unit = ''] = /^(\d+(?:\.\d+)?)(?: ?([kmgtp])(?:i?b)?| ?b)?$/i.exec(text) ?? [];
  const factor = sizeUnits[unit.toLowerCase()];
  return number === undefined || factor === undefined ? undefined : Math.floor(Number(number) * factor);
}

function durationNs(text: string): number | undefined {
  if (/^\d+(\.\d+)?$/.test(text)) return Number(text) * 1e9;
  const part = /(\d+(?:\.\d*)?|\.\d+)(ns|us|µs|μs|ms|s|m|h)/gy;
  let sum = 0;
  let end = 0;
  for (const [whole, number, unit] of text.matchAll(part)) {
    sum += Number(number) * (nanosecondsOf[unit ?? ''] ?? NaN);
    end += whole.length;
  }
  return end > 0 && end === text.length ? sum : undefined;
}
