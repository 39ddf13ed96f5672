import { copyFileSync, mkdirSync, readFileSync, symlinkSync } from 'node:fs';
import { join } from 'node:path';

/** A root file system whose `/bin/true` is static (busybox); every mount point is there, so nobody has to make one. */
export function makeRootfs(path: string): string {
  for (const dir of ['bin', 'etc', 'dev', 'proc', 'sys', 'tmp'])
    mkdirSync(join(path, dir), { recursive: true });
  const busybox = '/bin/busybox';
  // PT_INTERP names a dynamic loader: such a file would not run here.
  if (readFileSync(busybox).includes('/lib64/ld-linux'))
    throw new Error('busybox is not static: apt-get install busybox-static');
  copyFileSync(busybox, join(path, 'bin/busybox'));
  symlinkSync('busybox', join(path, 'bin/true'));
  return path;
}
