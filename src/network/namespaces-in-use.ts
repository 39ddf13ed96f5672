import { readdirSync, statSync } from 'node:fs';

/** Inodes of the network namespaces that a process is in, or that have a name. */
export function namespacesInUse(): Set<number> {
  const found = new Set<number>();
  const look = (path: string): void => {
    try {
      found.add(statSync(path).ino);
    } catch {
      // It has ended, or is not ours to look at.
    }
  };
  for (const pid of readdirSync('/proc')) if (/^\d+$/.test(pid)) look(`/proc/${pid}/ns/net`);
  try {
    for (const name of readdirSync('/run/netns')) look(`/run/netns/${name}`);
  } catch {
    // No namespace has ever had a name.
  }
  return found;
}
