/** One mount, as a line of `/proc/PID/mountinfo` describes it; see proc_pid_mountinfo(5). */
export interface MountInfo {
  readonly id: number;
  /** The mount below; its own id at the root of the tree. */
  readonly parentId: number;
  /** st_dev of the files on it. */
  readonly device: { readonly major: number; readonly minor: number };
  /** What of the file system is mounted: a path in it, or `net:[4026531840]` and its like on nsfs. */
  readonly root: string;
  /** Seen from the root directory of the process whose file was read. */
  readonly mountPoint: string;
  /** Of this mount (`ro`, `noexec`, …). */
  readonly options: readonly string[];
  readonly propagation: MountPropagation;
  readonly fsType: string;
  /** A device, or any text; may be empty. */
  readonly source: string;
  /** Of the file system (`size=…`, `upperdir=…`). */
  readonly superOptions: readonly string[];
}

/** Peer groups, by number; see mount_namespaces(7). A mount in none is private. */
export interface MountPropagation {
  readonly shared?: number;
  /** The group it receives from: it is a slave. */
  readonly master?: number;
  /** The nearest dominant group in the reader's root, where the master is not in sight. */
  readonly propagateFrom?: number;
  readonly unbindable: boolean;
}

/**
 * Reads the whole file. A line that is not as the kernel writes them is left out: names in it come from whoever mounts.
 *
 * @returns In the kernel's order: a mount follows the one it lies on.
 */
export function parseMountinfo(text: string): MountInfo[] {
  return text.split('\n').flatMap((line) => parseLine(line) ?? []);
}

function parseLine(line: string): MountInfo | undefined {
  // The kernel escapes spaces in names, so single ones separate, and an empty source is two in a row.
  const fields = line.split(' ');
  const separator = fields.indexOf('-', 6);
  const [id, parentId, device, root, mountPoint, options] = fields;
  const [fsType, source, superOptions] = separator < 0 ? [] : fields.slice(separator + 1);
  const [, major, minor] = /^(\d+):(\d+)$/.exec(device ?? '') ?? [];
  if (
    !isNumber(id) ||
    !isNumber(parentId) ||
    !isNumber(major) ||
    !isNumber(minor) ||
    root === undefined ||
    mountPoint === undefined ||
    options === undefined ||
    fsType === undefined ||
    source === undefined ||
    superOptions === undefined
  ) {
    return undefined;
  }
  return {
    id: Number(id),
    parentId: Number(parentId),
    device: { major: Number(major), minor: Number(minor) },
    root: unescapeOctal(root),
    mountPoint: unescapeOctal(mountPoint),
    options: options.split(','),
    propagation: parsePropagation(fields.slice(6, separator)),
    fsType: unescapeOctal(fsType),
    source: unescapeOctal(source),
    superOptions: superOptions.split(',').map(unescapeOctal),
  };
}

/** Tags not known here are for later kernels, and skipped as the man page asks. */
function parsePropagation(tags: readonly string[]): MountPropagation {
  const group = (name: string): number | undefined => {
    const value = tags.find((tag) => tag.startsWith(`${name}:`))?.slice(name.length + 1);
    return isNumber(value) ? Number(value) : undefined;
  };
  const shared = group('shared');
  const master = group('master');
  const propagateFrom = group('propagate_from');
  return {
    ...(shared === undefined ? {} : { shared }),
    ...(master === undefined ? {} : { master }),
    ...(propagateFrom === undefined ? {} : { propagateFrom }),
    unbindable: tags.includes('unbindable'),
  };
}

/** `\040` for a space; the kernel writes tab, newline, `\` and `#` so, too. */
function unescapeOctal(text: string): string {
  return text.replace(/\\([0-3][0-7]{2})/g, (_, digits: string) =>
    String.fromCharCode(Number.parseInt(digits, 8)),
  );
}

function isNumber(text: string | undefined): text is string {
  return text !== undefined && /^\d{1,10}$/.test(text);
}
