import { readFileSync, readdirSync } from 'node:fs';
import { basename } from 'node:path';

/** Proportional set size, in kB; see proc_pid_smaps(5). NaN where there is none. */
export function pssOf(pid: number): number {
  try {
    const text = readFileSync(`/proc/${pid}/smaps_rollup`, 'latin1');
    return Number(/^Pss:\s+(\d+)/m.exec(text)?.[1] ?? NaN);
  } catch {
    return NaN;
  }
}

/** All that runs a program of this name. */
export function pidsOf(program: string): number[] {
  return readdirSync('/proc')
    .filter((name) => /^\d+$/.test(name))
    .map(Number)
    .filter((pid) => {
      try {
        return basename(readFileSync(`/proc/${pid}/cmdline`, 'latin1').split('\0')[0] ?? '') === program;
      } catch {
        return false;
      }
    });
}

/** In kB. */
export function availableMemory(): number {
  return Number(/^MemAvailable:\s+(\d+)/m.exec(readFileSync('/proc/meminfo', 'latin1'))?.[1] ?? NaN);
}
