/** What wait4(2) tells of an end: an exit code, or the signal that killed it. */
export interface WaitStatus {
  /** Undefined where a signal killed it. */
  readonly code: number | undefined;
  /** 0 where none did. */
  readonly signal: number;
}

/** Of a process that has ended: `WEXITSTATUS` and `WTERMSIG` of wait(2). */
export function decodeWaitStatus(status: number): WaitStatus {
  const signal = status & 0x7f;
  return { code: signal === 0 ? (status >> 8) & 0xff : undefined, signal };
}

/** As shells give it: 128 and the signal where there is no exit code. */
export function exitCodeOf({ code, signal }: WaitStatus): number {
  return code ?? 128 + signal;
}
