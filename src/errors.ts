/**
 * What went wrong, as a closed set. Tables from kind to exit code (CLI) and to HTTP status (engine) are total over it.
 */
export const errorKinds = [
  'invalid-argument',
  'not-found',
  'already-exists',
  'conflict',
  'permission-denied',
  'not-executable',
  'unsupported',
  'resource-exhausted',
  'cancelled',
  'timeout',
  'command-failed',
  'kernel',
  'internal',
] as const;

export type ErrorKind = (typeof errorKinds)[number];

/** A stable, documented code: `ERR_` and upper case. */
export type ErrorCode = `ERR_${string}`;

export interface WarrenErrorOptions {
  readonly kind: ErrorKind;
  /** What was observed, with the system call and its errno where there was one. */
  readonly why?: string | undefined;
  /** What the reader can do about it. */
  readonly fix?: string | undefined;
  /** The system call that failed, as in its man page. */
  readonly syscall?: string | undefined;
  /** Symbolic errno, e.g. `EPERM`. */
  readonly errno?: string | undefined;
  readonly cause?: unknown;
}

/**
 * The base of every error that Warren throws on purpose.
 *
 * `message` reads `Cannot <action> <quoted value>: <what was observed>`; the remedy is apart, in `fix`.
 */
export class WarrenError extends Error {
  readonly code: ErrorCode;
  readonly kind: ErrorKind;
  readonly fix: string | undefined;
  readonly syscall: string | undefined;
  readonly errno: string | undefined;

  constructor(code: ErrorCode, action: string, options: WarrenErrorOptions) {
    super(
      options.why === undefined ? action : `${action}: ${options.why}`,
      options.cause === undefined ? undefined : { cause: options.cause },
    );
    this.name = 'WarrenError';
    this.code = code;
    this.kind = options.kind;
    this.fix = options.fix;
    this.syscall = options.syscall;
    this.errno = options.errno;
  }
}

/** Shorthand for the commonest refusal: input that can be seen to be wrong before anything is done. */
export function invalid(code: ErrorCode, action: string, why: string, fix?: string): WarrenError {
  return new WarrenError(code, action, { kind: 'invalid-argument', why, fix });
}

/** Quotes a value for a message: control characters escaped, long text cut, so a hostile name cannot forge a line. */
export function quote(value: string): string {
  const text = value.length > 200 ? `${value.slice(0, 200)}…` : value;
  return JSON.stringify(text).replace(
    /[\u007f-\u009f\u2028\u2029]/g,
    (char) => `\\u${char.charCodeAt(0).toString(16).padStart(4, '0')}`,
  );
}
