/** Who owns the files of a volume, seen from inside a process's user namespace. */
import { constants, type BigIntStats } from 'node:fs';
import { lstat, open, readFile, readdir, type FileHandle } from 'node:fs/promises';
import { join, resolve } from 'node:path';
import { WarrenError, quote } from '../../errors.js';
import { idToInside } from '../../kernel/idmap.js';
import { type MountInfo, parseMountinfo } from '../../kernel/mountinfo.js';
import { errnoOf } from '../target.js';
import type { UserNamespaceChain } from './levels.js';
import type { IdKind } from './resolve.js';

/** Files of one owner, or of one group. */
export interface VolumeOwner {
  readonly kind: IdKind;
  /** As the reader calls it. */
  readonly outside: number;
  /** As the process calls it; undefined: not mapped, and shows as 65534. */
  readonly inside: number | undefined;
  readonly files: number;
  /** One of them. */
  readonly example: string;
}

export interface VolumeReport {
  readonly path: string;
  readonly owners: readonly VolumeOwner[];
  readonly files: number;
  /** Not all was looked at. */
  readonly truncated: boolean;
  /** What could not be read, at most the first twenty. */
  readonly unreadable: readonly { readonly path: string; readonly errno: string }[];
  readonly fsType: string | undefined;
  /** The mount that the reader sees it through changes ids itself. */
  readonly idmapped: boolean;
  /** The first kernel on which its file system takes idmapped mounts; `none` where no kernel does, undefined: not known. */
  readonly idmappedSince: string | undefined;
  readonly advice: readonly string[];
}

export interface VolumeOptions {
  /** Files to look at, at most. Default 1,000,000. */
  readonly maxFiles?: number;
}

/** When file systems learned to be mounted with ids changed; see mount_setattr(2), "ID-mapped mounts". */
const idmappedSince: Readonly<Record<string, string>> = {
  ext4: '5.12',
  vfat: '5.12',
  xfs: '5.12',
  btrfs: '5.15',
  f2fs: '5.18',
  erofs: '5.19',
  ntfs3: '5.15',
  squashfs: '6.2',
  tmpfs: '6.3',
  cephfs: '6.7',
  ceph: '6.7',
  hugetlbfs: '6.9',
  // Its layers can; what it shows cannot.
  overlay: 'none',
  nfs: 'none',
  nfs4: 'none',
  cifs: 'none',
  smb3: 'none',
  '9p': 'none',
  proc: 'none',
  sysfs: 'none',
};

/**
 * Counts the files below a path by owner and group; links are not followed, other file systems are entered.
 *
 * @throws {WarrenError} `ERR_FILE_NOT_FOUND`.
 */
export async function examineVolume(
  path: string,
  chain: UserNamespaceChain,
  { maxFiles = 1_000_000 }: VolumeOptions = {},
): Promise<VolumeReport> {
  const root = resolve(path);
  const first = await lstat(root, { bigint: true }).catch((cause: unknown) => {
    throw new WarrenError('ERR_FILE_NOT_FOUND', `Cannot look at the volume ${quote(path)}`, {
      kind: 'not-found',
      why: `lstat failed with ${errnoOf(cause) ?? 'an unknown error'}`,
      fix: 'give a path of the host that exists',
      cause,
    });
  });
  const count = new OwnerCount(chain, maxFiles);
  count.add(root, first);
  if (first.isDirectory()) await count.addTree(root);
  const mount = await mountOf(root);
  const owners = count.owners();
  const since = mount && idmappedSince[mount.fsType];
  return {
    path: root,
    owners,
    files: count.files,
    truncated: count.truncated,
    unreadable: count.unreadable,
    fsType: mount?.fsType,
    idmapped: mount?.options.includes('idmapped') ?? false,
    idmappedSince: since,
    advice: adviseVolume(root, owners, chain, mount?.fsType, since),
  };
}

/** What to do about files whose owners have no name inside. */
export function adviseVolume(
  path: string,
  owners: readonly VolumeOwner[],
  chain: UserNamespaceChain,
  fsType: string | undefined,
  since: string | undefined,
): string[] {
  const unmapped = owners.filter(({ inside }) => inside === undefined);
  const word = `'${path.replaceAll("'", `'\\''`)}'`;
  if (unmapped.length === 0) return ['every owner and group has an id inside: nothing needs to be done'];
  const advice: string[] = [];
  const rootOf = (kind: IdKind): number | undefined => {
    const ranges = chain.levels[0]?.[kind]?.ranges ?? [];
    return ranges.find(({ inside }) => inside === 0)?.outside;
  };
  for (const { kind, outside } of unmapped) {
    const target = rootOf(kind);
    if (target === undefined) continue;
    const [from, to, whose] =
      kind === 'uid' ? [`${outside}`, `${target}`, 'user'] : [`:${outside}`, `:${target}`, 'group'];
    advice.push(
      `give what ${kind} ${outside} owns to the ${whose} that is 0 inside: chown -hR --from=${from} ${to} ${word}`,
    );
  }
  if (since === undefined)
    advice.push(`or mount it with ids changed, if ${fsType ?? 'its file system'} can be: mount_setattr(2)`);
  else if (since === 'none')
    advice.push(`an idmapped mount is not possible: ${fsType ?? ''} cannot be mounted with ids changed`);
  else
    advice.push(
      `or leave the files alone and show them with ids changed (${fsType ?? ''}, Linux ≥ ${since}), as root: warren run -v ${word}:…:idmap`,
    );
  return advice;
}

class OwnerCount {
  files = 0;
  truncated = false;
  readonly unreadable: { path: string; errno: string }[] = [];
  private readonly counts = { uid: new Map<number, Counted>(), gid: new Map<number, Counted>() };

  constructor(
    private readonly chain: UserNamespaceChain,
    private readonly maxFiles: number,
  ) {}

  add(path: string, stat: BigIntStats): void {
    this.files += 1;
    for (const kind of ['uid', 'gid'] as const) {
      const id = Number(stat[kind]);
      const seen = this.counts[kind].get(id);
      if (seen) seen.files += 1;
      else this.counts[kind].set(id, { files: 1, example: path });
    }
  }

  async addTree(root: string): Promise<void> {
    const pending = [root];
    for (let next = pending.pop(); next !== undefined; next = pending.pop()) {
      let directory: FileHandle | undefined;
      try {
        directory = await open(next, constants.O_RDONLY | constants.O_DIRECTORY | constants.O_NOFOLLOW);
        const here = Buffer.from(`/proc/self/fd/${directory.fd}/`);
        for (const name of await readdir(here, { encoding: 'buffer' })) {
          if (this.files >= this.maxFiles) {
            this.truncated = true;
            return;
          }
          const path = join(next, name.toString());
          try {
            const stat = await lstat(Buffer.concat([here, name]), { bigint: true });
            this.add(path, stat);
            if (stat.isDirectory()) pending.push(path);
          } catch (error) {
            this.failed(path, error);
          }
        }
      } catch (error) {
        this.failed(next, error);
      } finally {
        await directory?.close();
      }
    }
  }

  private failed(path: string, error: unknown): void {
    if (this.unreadable.length < 20) this.unreadable.push({ path, errno: errnoOf(error) ?? 'unknown' });
  }

  owners(): VolumeOwner[] {
    return (['uid', 'gid'] as const).flatMap((kind) =>
      [...this.counts[kind]]
        .sort(([a], [b]) => a - b)
        .map(([outside, { files, example }]) => ({
          kind,
          outside,
          inside: idToInside(this.chain.levels[0]?.[kind]?.ranges ?? [], outside),
          files,
          example,
        })),
    );
  }
}

interface Counted {
  files: number;
  example: string;
}

/** By the mount's number, for a name in mountinfo may be hidden by another mount. */
async function mountOf(path: string): Promise<MountInfo | undefined> {
  const handle = await open(path, constants.O_RDONLY | constants.O_NONBLOCK).catch(() => undefined);
  if (handle === undefined) return undefined;
  try {
    const [info, mounts] = await Promise.all([
      readFile(`/proc/self/fdinfo/${handle.fd}`, 'utf8'),
      readFile('/proc/self/mountinfo', 'utf8'),
    ]);
    const id = Number(/^mnt_id:\s*(\d+)$/m.exec(info)?.[1]);
    return parseMountinfo(mounts).find((mount) => mount.id === id);
  } finally {
    await handle.close();
  }
}
