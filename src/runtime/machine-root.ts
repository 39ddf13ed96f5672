/**
 * The machine's own root as a container's root, copy-on-write: which file systems become layers, and what is hidden.
 *
 * Hidden are the places where users, services and container engines keep what is not for everybody. The container's
 * root would otherwise read all of it, for it is root. See docs/run.md, "The machine as a root".
 */
import { lstatSync, readFileSync, readdirSync, readlinkSync, statSync, type Stats } from 'node:fs';
import { parseMountinfo } from '../kernel/mountinfo.js';
import type {
  BindMount,
  HiddenDirectory,
  Layer,
  LayerFile,
  Owner,
  RootConfig,
  SkeletonEntry,
} from '../plan/config.js';

export interface MachineRootOptions {
  /** Show the users' home directories. */
  readonly home: boolean;
  /** An ordinary user's user namespace: overlayfs refuses `/` itself there, because mounts lie below it that cannot be lifted. */
  readonly piecewise: boolean;
  /** More files of the layer: `/etc/hostname` and the like. */
  readonly files: readonly { readonly path: string; readonly content: string }[];
  readonly sizeBytes: number | undefined;
  readonly keep: LayerKeep | undefined;
}

/** Where a container's layers are kept from one start to the next. */
export interface LayerKeep {
  /** Absolute, on the host. */
  readonly store: string;
  /** What they lie in, and containers are not to see: the state directory, absolute. */
  readonly hidden: string;
}

export interface MachineRoot {
  readonly root: RootConfig;
  /** Single files that are mounts of their own, as engines make for /etc/resolv.conf. */
  readonly binds: readonly BindMount[];
}

/** Relative to the root. */
const privateDirectories = [
  'tmp',
  'run',
  'var/tmp',
  'var/backups',
  'var/mail',
  'var/spool/cron',
  'var/spool/mail',
  'var/spool/postfix',
  'var/lib/containerd',
  'var/lib/containers',
  'var/lib/docker',
  'var/lib/kubelet',
  'var/lib/private',
  'var/lib/sss',
  'var/lib/warren',
  'etc/NetworkManager/system-connections',
  'etc/openvpn',
  'etc/ssl/private',
  'etc/sudoers.d',
  'etc/wireguard',
];

const privateFiles = ['etc/shadow-', 'etc/gshadow-', 'etc/krb5.keytab', 'etc/machine-id'];
const homeDirectories = ['root', 'home'];

/** Made anew in every container. */
const systemDirectories = ['proc', 'sys', 'dev'];

/** File systems of the kernel, not of a disk: shown anew, or not at all. */
const kernelFileSystems = new Set([
  'autofs',
  'binfmt_misc',
  'bpf',
  'cgroup',
  'cgroup2',
  'configfs',
  'debugfs',
  'devpts',
  'devtmpfs',
  'efivarfs',
  'fusectl',
  'hugetlbfs',
  'mqueue',
  'nsfs',
  'nfsd',
  'proc',
  'pstore',
  'rpc_pipefs',
  'securityfs',
  'selinuxfs',
  'sysfs',
  'tracefs',
]);

export function machineRoot({ home, piecewise, files, sizeBytes, keep }: MachineRootOptions): MachineRoot {
  const hidden = hiddenDirectories(home, keep);
  const mounts = submounts().filter(
    ({ path }) => !isBelow(path, systemDirectories) && !isBelow(path, hidden) && path !== '',
  );
  const layerFiles = [
    ...accountFiles(),
    ...privateFiles.flatMap(emptied),
    ...hostKeys().flatMap(emptied),
  ].filter(({ path }) => !files.some((file) => file.path === path));
  const allFiles: LayerFile[] = [
    ...layerFiles,
    ...files.map(({ path, content }) => ({ path, content, mode: 0o644, uid: 0, gid: 0 })),
  ].filter(({ path }) => !isBelow(path, hidden));

  const diskMounts = mounts.filter(({ fsType }) => !kernelFileSystems.has(fsType));
  const directories = diskMounts.filter(({ path }) => isDirectory(path)).map(({ path }) => path);
  const binds = diskMounts
    .filter(({ path }) => !directories.includes(path))
    .filter(({ path }) => !allFiles.some((file) => file.path === path))
    .map(({ path }): BindMount => bindFile(path));

  const { tops, skeleton } = piecewise
    ? pieces(
        '',
        mounts.map(({ path }) => path),
        hidden,
      )
    : { tops: ['', ...new Set(directories)], skeleton: undefined };
  const layers = tops.flatMap((at) => makeLayer(at, tops, hidden, allFiles) ?? []);
  const loose = skeleton ? looseFiles(skeleton, tops, hidden, allFiles) : { texts: [], binds: [] };
  const bound = new Set(binds.map(({ target }) => target));
  return {
    root: {
      kind: 'layers',
      layers,
      sizeBytes,
      store: keep?.store,
      skeleton: skeleton && [...skeleton, ...loose.texts],
    },
    binds: [...binds, ...loose.binds.filter(({ target }) => !bound.has(target))],
  };
}

function hiddenDirectories(home: boolean, keep: LayerKeep | undefined): string[] {
  const homes = home ? [] : [...homeDirectories, ...homesOfUsers()];
  const state = keep ? [keep.hidden.slice(1)] : [];
  const all = [...new Set([...privateDirectories, ...homes, ...state])].filter(isDirectory);
  // One inside another needs no hiding of its own.
  return all.filter((path) => !all.some((other) => other !== path && isBelow(path, [other]))).sort();
}

/** Homes of root and of people (uid ≥ 1000) that lie elsewhere than in /root and /home. */
function homesOfUsers(): string[] {
  return readText('/etc/passwd')
    .split('\n')
    .flatMap((line) => {
      const fields = line.split(':');
      const uid = Number(fields[2]);
      const path = fields[5] ?? '';
      const person = uid === 0 || (uid >= 1000 && uid < 65_534);
      return person && /^\/[^/]/.test(path) && !path.split('/').includes('..')
        ? [path.slice(1).replace(/\/+$/, '')]
        : [];
    })
    .filter((path) => !/^(?:usr|bin|sbin|lib|lib64|etc|var|opt|srv|dev|proc|sys)$/.test(path));
}

/** Accounts stay usable for programs that look them up; their passwords are replaced by a lock. */
function accountFiles(): LayerFile[] {
  const lock = (path: string, line: (name: string) => string, names: string): LayerFile[] => {
    const stats = look(path);
    if (!stats) return [];
    const content = readText(names)
      .split('\n')
      .flatMap((text) => (text.includes(':') ? [`${line(text.slice(0, text.indexOf(':')))}\n`] : []))
      .join('');
    return [{ path, content, ...ownerOf(stats) }];
  };
  return [
    ...lock('etc/shadow', (name) => `${name}:*:19000:0:99999:7:::`, '/etc/passwd'),
    ...lock('etc/gshadow', (name) => `${name}:*::`, '/etc/group'),
  ];
}

function hostKeys(): string[] {
  return list('etc/ssh')
    .filter((name) => /^ssh_host_.*_key$/.test(name))
    .map((name) => `etc/ssh/${name}`);
}

function emptied(path: string): LayerFile[] {
  const stats = look(path);
  return stats?.isFile() === true ? [{ path, content: '', ...ownerOf(stats) }] : [];
}

function makeLayer(
  at: string,
  tops: readonly string[],
  hidden: readonly string[],
  files: readonly LayerFile[],
): Layer | undefined {
  const stats = look(at);
  if (!stats) return undefined;
  // A path belongs to the deepest layer that it is in.
  const inside = (path: string): boolean =>
    isBelow(path, [at]) && !tops.some((top) => top.length > at.length && isBelow(path, [top]));
  const relative = (path: string): string => (at === '' ? path : path.slice(at.length + 1));
  const ours = hidden.filter((path) => path !== at && inside(path));
  const ourFiles = files.filter(({ path }) => inside(path) && isDirectory(parentOf(path)));
  const directory = (path: string): HiddenDirectory => ({
    path: relative(path),
    ...ownerOf(look(path) ?? stats),
  });
  const parents = new Set<string>();
  for (const path of [...ours, ...ourFiles.map((file) => file.path)]) {
    for (let parent = parentOf(path); parent.length > at.length; parent = parentOf(parent))
      parents.add(parent);
  }
  return {
    lower: `/${at}`,
    at,
    root: ownerOf(stats),
    parents: [...parents].sort().map(directory),
    hidden: ours.map(directory),
    files: ourFiles.map((file) => ({ ...file, path: relative(file.path) })),
  };
}

/** Descends to directories with no mounts below them: each can be a layer of its own. */
function pieces(
  directory: string,
  mounts: readonly string[],
  hidden: readonly string[],
): { tops: string[]; skeleton: SkeletonEntry[] } {
  const tops: string[] = [];
  const skeleton: SkeletonEntry[] = [];
  for (const name of list(directory)) {
    const path = directory === '' ? name : `${directory}/${name}`;
    const stats = look(path);
    if (stats?.isSymbolicLink() === true) {
      skeleton.push({ kind: 'symlink', path, target: readlinkSync(`/${path}`) });
    } else if (stats?.isDirectory() === true) {
      skeleton.push({ kind: 'directory', path, mode: stats.mode & 0o7777 });
      if (systemDirectories.includes(path) || hidden.includes(path)) continue;
      if (!mounts.some((mount) => mount !== path && isBelow(mount, [path]))) tops.push(path);
      else {
        const below = pieces(path, mounts, hidden);
        tops.push(...below.tops);
        skeleton.push(...below.skeleton);
      }
    }
  }
  return { tops: directory === '' ? tops.sort() : tops, skeleton };
}

/** Each takes a descriptor of a plan, which has 255. Those of an /etc, where engines put mounts, are fewer. */
const MOST_LOOSE_FILES = 150;

/**
 * What lies in directories that had to be taken apart: in no layer, and so shown read-only, but for what is ours. A directory of
 * very many files shows none of them.
 */
function looseFiles(
  skeleton: readonly SkeletonEntry[],
  tops: readonly string[],
  hidden: readonly string[],
  files: readonly LayerFile[],
): { readonly texts: SkeletonEntry[]; readonly binds: BindMount[] } {
  const taken = new Set([...tops, ...hidden, ...systemDirectories]);
  const apart = ['', ...skeleton.flatMap(({ kind, path }) => (kind === 'directory' ? [path] : []))].filter(
    (path) => !taken.has(path),
  );
  const texts = files.filter(({ path }) => apart.includes(parentOf(path)));
  const binds: BindMount[] = [];
  for (const directory of apart) {
    const found = list(directory)
      .map((name) => (directory === '' ? name : `${directory}/${name}`))
      .filter((path) => look(path)?.isFile() === true && !texts.some((text) => text.path === path));
    if (binds.length + found.length <= MOST_LOOSE_FILES) binds.push(...found.map(bindFile));
  }
  return { texts: texts.map(({ path, content, mode }) => ({ kind: 'text', path, content, mode })), binds };
}

function submounts(): { path: string; fsType: string }[] {
  return parseMountinfo(readText('/proc/self/mountinfo')).map(({ mountPoint, fsType }) => ({
    path: mountPoint.slice(1),
    fsType,
  }));
}

function bindFile(path: string): BindMount {
  return {
    kind: 'bind',
    source: `/${path}`,
    target: path,
    file: true,
    recursive: false,
    recursiveReadOnly: true,
    propagation: 'rprivate',
    idMapped: false,
    readOnly: true,
    noexec: false,
    nosuid: false,
    nodev: false,
  };
}

/** Whether a path is one of the directories, or lies in one. */
function isBelow(path: string, directories: readonly string[]): boolean {
  return directories.some(
    (directory) => directory === '' || path === directory || path.startsWith(`${directory}/`),
  );
}

function parentOf(path: string): string {
  return path.slice(0, Math.max(0, path.lastIndexOf('/')));
}

function look(path: string): Stats | undefined {
  return lstatSync(`/${path}`, { throwIfNoEntry: false });
}

function isDirectory(path: string): boolean {
  return look(path)?.isDirectory() === true;
}

export function ownerOf({ uid, gid, mode }: Stats): Owner {
  return { uid, gid, mode: mode & 0o7777 };
}

function list(path: string): string[] {
  return statSync(`/${path}`, { throwIfNoEntry: false }) ? readdirSync(`/${path}`) : [];
}

function readText(path: string): string {
  try {
    return readFileSync(path, 'utf8');
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ENOENT') return '';
    throw error;
  }
}
