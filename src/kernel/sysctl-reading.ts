/** What came of reading a parameter: its text without the final newline, or the errno. */
export type Reading = { readonly value: string } | { readonly errno: string };

export function sameReading(a: Reading, b: Reading): boolean {
  return 'value' in a ? 'value' in b && a.value === b.value : 'errno' in b && a.errno === b.errno;
}

const absences: Readonly<Record<string, string>> = {
  ENOENT: '(no such key)',
  ENOTDIR: '(no such key)',
  EACCES: '(not for us to read)',
  EPERM: '(not for us to read)',
  EIO: '(not set)',
};

/** For people: the value with its tabs as spaces, or why there is none in parentheses. */
export function showReading(reading: Reading): string {
  return 'value' in reading
    ? reading.value.replaceAll('\t', ' ').replaceAll('\n', ' | ')
    : (absences[reading.errno] ?? `(${reading.errno})`);
}

/** Whether somebody could write a parameter: what opening it for writing said. Nothing is written. */
export type Access = 'writable' | 'read-only' | 'denied' | 'absent' | 'read-only-mount';

export function accessOfErrno(errno: string): Access {
  if (errno === 'EACCES') return 'read-only';
  if (errno === 'EPERM') return 'denied';
  return errno === 'EROFS' ? 'read-only-mount' : 'absent';
}

/** The symbolic errno of a system error; anything else is thrown on. */
export function errnoOf(error: unknown): string {
  const { code, errno } = error as { code?: unknown; errno?: unknown };
  // A WarrenError has its own code, and the kernel's answer beside it.
  if (typeof errno === 'string') return errno;
  if (typeof code === 'string' && !code.startsWith('ERR_')) return code;
  throw error;
}

export function trimValue(text: string): string {
  return text.endsWith('\n') ? text.slice(0, -1) : text;
}

/**
 * Whether a value has fewer numbers than the parameter: the kernel takes it, and keeps what the others were.
 *
 * @param now What the kernel shows after the value was written.
 */
export function hasTooFewFields(value: string, now: string): boolean {
  const [given, shown] = [value, now].map((text) => text.trim().split(/\s+/));
  if (!given || !shown || given.length >= shown.length) return false;
  return shown.every((field) => /^-?\d+$/.test(field));
}
