import { readdirSync } from 'node:fs';
import { errnoOf } from '../../kernel/sysctl-reading.js';

/**
 * Every key below /proc/sys in this process's namespaces, slashed and sorted.
 *
 * @param folders Only these. Default: all.
 */
export function machineKeys(folders: readonly string[] = ['']): string[] {
  const found: string[] = [];
  for (const folder of folders) walk(folder, found);
  return found.sort();
}

function walk(folder: string, found: string[]): void {
  for (const entry of list(`/proc/sys/${folder}`)) {
    const path = folder === '' ? entry.name : `${folder}/${entry.name}`;
    // fs/binfmt_misc is a file system of its own: what is in it is no parameter.
    if (path === 'fs/binfmt_misc') continue;
    if (entry.isDirectory()) walk(path, found);
    else found.push(path);
  }
}

function list(folder: string): ReturnType<typeof entriesOf> {
  try {
    return entriesOf(folder);
  } catch (error) {
    errnoOf(error);
    return [];
  }
}

function entriesOf(folder: string) {
  return readdirSync(folder, { withFileTypes: true });
}
