import { badValue } from './values.js';

const SECOND = 1_000_000_000n;
const unitNs: Readonly<Record<string, bigint>> = {
  ns: 1n,
  us: 1000n,
  µs: 1000n,
  μs: 1000n,
  ms: 1_000_000n,
  s: SECOND,
  m: 60n * SECOND,
  h: 3600n * SECOND,
};

const EXAMPLES = 'write for example 2026-01-31T08:30:00Z, 1h30m (so long ago) or seconds since 1970';

/**
 * A point in time as docker's `--since` takes it:
 *
 * - RFC 3339, also only its beginning (`2026-01-31`, `2026-01-31T08:30`), with a fraction of a second; without a zone, in
 *   the zone of this process (`TZ`);
 * - seconds since 1970, with a fraction;
 * - a length of time as Go writes it (`10m`, `1h30m`, `1.5s`): so long before `now`, or after it with a minus.
 *
 * @param now Nanoseconds since 1970.
 * @returns Nanoseconds since 1970.
 * @throws {WarrenError} `ERR_OPTION_VALUE`.
 */
export function parseTime(option: string, text: string, now: bigint): bigint {
  if (/^\d+(\.\d+)?$/.test(text)) return decimal(text, SECOND);
  const length = goDuration(text);
  if (length !== undefined) return now - length;
  const parts =
    /^(?<date>\d{4}-\d\d-\d\d)(?:T(?<hour>\d\d)(?::(?<minute>\d\d)(?::(?<second>\d\d)(?<fraction>\.\d+)?)?)?)?(?<zone>Z|[+-]\d\d:\d\d)?$/.exec(
      text,
    )?.groups;
  if (parts === undefined) throw badValue(option, text, 'it is no point in time', EXAMPLES);
  const { date = '', hour = '00', minute = '00', second = '00', fraction = '', zone = '' } = parts;
  const clock = `${date}T${hour}:${minute}:${second}`;
  if (!isOnCalendar(clock) || !/^$|^Z$|^.([01]\d|2[0-3]):[0-5]\d$/.test(zone))
    throw badValue(option, text, 'there is no such day, hour or zone', EXAMPLES);
  return BigInt(Date.parse(clock + zone)) * 1_000_000n + decimal(`0${fraction}`, SECOND);
}

/** As docker prints times: RFC 3339 in UTC, always nine digits of a second. */
export function formatTime(ns: bigint): string {
  const fraction = ((ns % SECOND) + SECOND) % SECOND;
  const seconds = new Date(Number((ns - fraction) / 1_000_000n)).toISOString().slice(0, 19);
  return `${seconds}.${String(fraction).padStart(9, '0')}Z`;
}

/** Nanoseconds since 1970, as exactly as Node tells. */
export function presentTime(): bigint {
  return BigInt(Date.now()) * 1_000_000n;
}

/** As time.ParseDuration of Go: a sign, then numbers each with its unit; a plain number is none, but 0 is. */
function goDuration(text: string): bigint | undefined {
  const [, sign = '', rest = ''] = /^([+-]?)(.*)$/s.exec(text) ?? [];
  if (rest === '0') return 0n;
  const number = /(\d+\.?\d*|\.\d+)(ns|us|µs|μs|ms|s|m|h)/g;
  if (rest === '' || rest.replace(number, '') !== '') return undefined;
  let total = 0n;
  for (const [, amount = '', unit = ''] of rest.matchAll(number))
    total += decimal(amount, unitNs[unit] ?? 0n);
  return sign === '-' ? -total : total;
}

/** Digits with an optional fraction, times a unit, cut to whole nanoseconds. */
function decimal(text: string, unit: bigint): bigint {
  const [whole = '', fraction = ''] = text.split('.');
  return BigInt(whole) * unit + (BigInt(fraction) * unit) / 10n ** BigInt(fraction.length);
}

/** Date.parse() takes the 31st of February for a day in March, and 24:00 for the next day. */
function isOnCalendar(clock: string): boolean {
  const ms = Date.parse(`${clock}Z`);
  return !Number.isNaN(ms) && new Date(ms).toISOString().startsWith(clock);
}
