/** Namespace files: those of /proc/PID/ns, and what is bound from there. */
import { statfsSync } from 'node:fs';

/** `f_type` of statfs(2). */
const NSFS_MAGIC = 0x6e73_6673;

/** Nothing is opened. @throws What statfs(2) says where there is no such file. */
export function isNamespaceFile(path: string): boolean {
  return statfsSync(path).type === NSFS_MAGIC;
}
