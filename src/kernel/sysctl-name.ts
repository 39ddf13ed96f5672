import { invalid, quote } from '../errors.js';

export interface SysctlName {
  /** Slashed, below /proc/sys: `net/ipv4/conf/eth0.100/forwarding`. The one form to compare and to open. */
  readonly path: string;
  /** As sysctl(8) prints it: `net.ipv4.conf.eth0/100.forwarding`. */
  readonly name: string;
}

/** The longest path the kernel takes, its final NUL included (PATH_MAX). */
const maxNameBytes = 4096;

/** More than a page is cut off or refused by the kernel's own parsers. */
const maxValueBytes = 4096;

/**
 * Reads a key as sysctl(8) does: whichever of `.` and `/` comes first separates, and the other one then stands for it inside a
 * component, so that `net/ipv4/conf/eth0.100/forwarding` and `net.ipv4.conf.eth0/100.forwarding` are the same key.
 *
 * A key comes from outside and becomes a path, so what could leave /proc/sys, name two keys or be read as two by a later parser is
 * refused (CVE-2022-0811 was a `+` in one).
 *
 * @throws {WarrenError} `ERR_SYSCTL_NAME`.
 */
export function parseSysctlName(text: string): SysctlName {
  const why = nameFault(text);
  if (why !== undefined) {
    throw invalid(
      'ERR_SYSCTL_NAME',
      `Cannot use the sysctl name ${quote(text)}`,
      why,
      'write it as net.ipv4.ip_forward, or net/ipv4/conf/eth0.100/forwarding where an interface has a dot',
    );
  }
  const path = slashed(text);
  const components = path.split('/');
  if (components.some((component) => component === '' || component === '.' || component === '..')) {
    throw invalid(
      'ERR_SYSCTL_NAME',
      `Cannot use the sysctl name ${quote(text)}`,
      'it has an empty component, or one that is "." or ".."',
      text.startsWith('/proc/sys/')
        ? `write it without /proc/sys/: ${text.slice('/proc/sys/'.length)}`
        : 'separate the components by single dots or slashes, with none at the start or the end',
    );
  }
  return { path, name: swapSeparators(path) };
}

/**
 * The text to write for a key: one line of at most a page, without its newline.
 *
 * @param name As the user gave it, for the message.
 * @throws {WarrenError} `ERR_SYSCTL_VALUE`.
 */
export function checkSysctlValue(name: string, value: string | number): string {
  const text = String(value);
  const why = valueFault(value, text);
  if (why === undefined) return text;
  throw invalid(
    'ERR_SYSCTL_VALUE',
    `Cannot set the sysctl ${quote(name)} to ${quote(text)}`,
    why,
    'give one line of text or an integer; several numbers go into one value, separated by spaces',
  );
}

/** To slashes, by the first separator; without any check. */
export function slashed(text: string): string {
  const first = /[./]/.exec(text)?.[0];
  return first === '.' ? swapSeparators(text) : text;
}

function swapSeparators(text: string): string {
  return text.replace(/[./]/g, (separator) => (separator === '.' ? '/' : '.'));
}

function nameFault(text: string): string | undefined {
  if (text === '') return 'it is empty';
  if (Buffer.byteLength(text) >= maxNameBytes) return `it is longer than ${maxNameBytes - 1} bytes`;
  if (/[\p{Cc}\p{Zl}\p{Zp}]/u.test(text)) return 'it holds a control character, such as a newline or NUL';
  if (/\s/.test(text)) return 'it holds a space';
  if (/[*?[]/.test(text)) return 'it holds a wildcard, and a value is set for one key at a time';
  const mark = /[=+]/.exec(text)?.[0];
  return mark === undefined ? undefined : `it holds a "${mark}"`;
}

function valueFault(value: string | number, text: string): string | undefined {
  if (typeof value === 'number' && !Number.isSafeInteger(value)) return 'it is not an integer';
  if (text === '') return 'it is empty, and writing nothing changes nothing';
  if (text.includes('\0')) return 'it holds a NUL';
  if (/[\n\r]/.test(text)) return 'it holds a line break';
  if (Buffer.byteLength(text) > maxValueBytes) return `it is longer than ${maxValueBytes} bytes`;
  return undefined;
}
