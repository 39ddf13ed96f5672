/** Why the kernel refuses to have a map of ids written; see user_namespaces(7), "Defining user and group ID mappings". */
import { type IdMapRange, idToOutside } from './idmap.js';

/** Which file: `/proc/PID/uid_map`, `gid_map` or `setgroups`. */
export type MapFile = 'uid_map' | 'gid_map' | 'setgroups';

/** Who writes, and what is known of the user namespace that is written to. */
export interface MapWriteFacts {
  readonly writer: {
    /** As the namespace above calls it. */
    readonly euid: number;
    readonly egid: number;
    /** In the namespace itself, in the one above it, or anywhere else. */
    readonly in: 'namespace' | 'parent' | 'elsewhere';
    /** Capabilities that it has over the namespace: all of them, where it made it or is root above. */
    readonly sysAdminOverNamespace: boolean;
    /** Capabilities over the namespace above. */
    readonly overParent: { readonly setuid: boolean; readonly setgid: boolean; readonly setfcap: boolean };
    /** May open the file for writing at all: it belongs to the user of the process, and to root for one that is not dumpable. */
    readonly mayOpen: boolean;
  };
  readonly namespace: {
    /** The machine's first has no map to write. */
    readonly initial: boolean;
    /** Who made it, as the namespace above calls them. */
    readonly creatorUid: number;
    /** Whether who made it had CAP_SETFCAP then. */
    readonly creatorHadSetfcap: boolean;
    readonly written: { readonly uid_map: boolean; readonly gid_map: boolean };
    readonly setgroups: 'allow' | 'deny';
  };
  /** The maps of the namespace above; a range that changes nothing, in the first one. */
  readonly parent: { readonly uid_map: readonly IdMapRange[]; readonly gid_map: readonly IdMapRange[] };
  /** Default 4096. A write must be shorter. */
  readonly pageBytes?: number;
}

export const mapWriteCauses = [
  'not-permitted-to-open',
  'initial-namespace',
  'writer-elsewhere',
  'too-long',
  'written-before',
  'no-capability-over-namespace',
  'syntax',
  'id-invalid',
  'length-zero',
  'range-overflow',
  'overlap',
  'too-many-ranges',
  'empty',
  'root-needs-setfcap',
  'setgroups-allowed',
  'more-than-own-id',
  'foreign-id',
  'not-creator',
  'not-mapped-in-parent',
  'setgroups-denied-above',
  'setgroups-too-late',
  'setgroups-word',
] as const;

export type MapWriteCause = (typeof mapWriteCauses)[number];

export interface MapWriteRefusal {
  readonly cause: MapWriteCause;
  /** What write(2), or open(2), fails with. */
  readonly errno: 'EINVAL' | 'EPERM' | 'EACCES';
  readonly why: string;
  readonly fix: string;
}

/** The kernel's limit since Linux 4.15. */
const maxRanges = 340;
const NO_ID = 4_294_967_295;

/**
 * The one reason for which the kernel would refuse this write: the first that it comes to, in its own order.
 *
 * @returns Undefined where it would take it.
 */
export function explainMapWrite(
  file: MapFile,
  text: string,
  facts: MapWriteFacts,
): MapWriteRefusal | undefined {
  const { writer, namespace, pageBytes = 4096 } = facts;
  if (!writer.mayOpen) {
    return refusal(
      'not-permitted-to-open',
      'EACCES',
      'the file belongs to the user of that process, or to root where the process is not dumpable',
      'write as the user who started the process, or as root',
    );
  }
  if (file === 'setgroups') return explainSetgroups(text, facts);
  if (namespace.initial) {
    return refusal(
      'initial-namespace',
      'EPERM',
      'the first user namespace has no map to write',
      'make one: unshare --user',
    );
  }
  if (writer.in === 'elsewhere') {
    return refusal(
      'writer-elsewhere',
      'EPERM',
      'the writer is neither in the user namespace nor in the one above it',
      'write from the namespace in which it was made',
    );
  }
  if (Buffer.byteLength(text) >= pageBytes) {
    return refusal(
      'too-long',
      'EINVAL',
      `a map must be shorter than ${pageBytes} bytes, in one write`,
      'join neighbouring ranges',
    );
  }
  if (namespace.written[file]) {
    return refusal(
      'written-before',
      'EPERM',
      `${file} can be written only once, and has been`,
      'make a new user namespace',
    );
  }
  if (!writer.sysAdminOverNamespace) {
    return refusal(
      'no-capability-over-namespace',
      'EPERM',
      'the writer has not CAP_SYS_ADMIN over the user namespace',
      'write as who made it, from the namespace above; or as root',
    );
  }
  const ranges = parse(text);
  return 'cause' in ranges ? ranges : explainIds(file, ranges, facts);
}

/** May these ids be given away? */
function explainIds(
  file: 'uid_map' | 'gid_map',
  ranges: readonly IdMapRange[],
  { writer, namespace, parent }: MapWriteFacts,
): MapWriteRefusal | undefined {
  const isUid = file === 'uid_map';
  if (isUid && ranges.some(({ outside }) => outside === 0)) {
    const allowed = writer.in === 'namespace' ? namespace.creatorHadSetfcap : writer.overParent.setfcap;
    if (!allowed) {
      return refusal(
        'root-needs-setfcap',
        'EPERM',
        'user 0 above can be mapped only with CAP_SETFCAP there (Linux ≥ 5.12): else files with capabilities could be made for it',
        writer.in === 'namespace' ? 'make the user namespace with CAP_SETFCAP' : 'write with CAP_SETFCAP',
      );
    }
  }
  const privileged = isUid ? writer.overParent.setuid : writer.overParent.setgid;
  if (!privileged) {
    const refused = explainOwnId(isUid, ranges, writer, namespace);
    if (refused) return refused;
  }
  for (const range of ranges) {
    // One range above must hold it whole.
    const first = idToOutside(parent[file], range.outside);
    const holder = parent[file].find(
      (each) => range.outside >= each.inside && range.outside + range.length <= each.inside + each.length,
    );
    if (first === undefined || holder === undefined) {
      return refusal(
        'not-mapped-in-parent',
        'EPERM',
        `${show(range)} is not within one range of the ${file} of the namespace above`,
        'use ids that are mapped there; split the range where theirs ends',
      );
    }
  }
  return undefined;
}

/** Without CAP_SETUID or CAP_SETGID above, only one's own id can be mapped, by who made the namespace. */
function explainOwnId(
  isUid: boolean,
  ranges: readonly IdMapRange[],
  writer: MapWriteFacts['writer'],
  namespace: MapWriteFacts['namespace'],
): MapWriteRefusal | undefined {
  const [capability, tool, own, word] = isUid
    ? ['CAP_SETUID', 'newuidmap', writer.euid, 'uid']
    : ['CAP_SETGID', 'newgidmap', writer.egid, 'gid'];
  const [first] = ranges;
  if (first === undefined || ranges.length > 1 || first.length > 1) {
    return refusal(
      'more-than-own-id',
      'EPERM',
      `without ${capability} above, one single id can be mapped, and the map has more`,
      `map only ${own}, or use ${tool}, which gives the ranges of /etc/sub${word}`,
    );
  }
  if (namespace.creatorUid !== writer.euid) {
    return refusal(
      'not-creator',
      'EPERM',
      `the writer is user ${writer.euid}, and user ${namespace.creatorUid} made the user namespace`,
      `write as user ${namespace.creatorUid}, or with ${capability} above`,
    );
  }
  if (first.outside !== own) {
    return refusal(
      'foreign-id',
      'EPERM',
      `without ${capability} above, only the writer’s own ${word}, ${own}, can be mapped, and the map names ${first.outside}`,
      `map ${own}, or use ${tool}`,
    );
  }
  if (!isUid && namespace.setgroups === 'allow') {
    return refusal(
      'setgroups-allowed',
      'EPERM',
      'without CAP_SETGID above, setgroups(2) must be given up first',
      'write deny to /proc/PID/setgroups, then gid_map',
    );
  }
  return undefined;
}

function explainSetgroups(text: string, { namespace, writer }: MapWriteFacts): MapWriteRefusal | undefined {
  const word = text.replace(/\s+$/, '');
  if (!writer.sysAdminOverNamespace) {
    return refusal(
      'no-capability-over-namespace',
      'EACCES',
      'the writer has not CAP_SYS_ADMIN over the user namespace, and cannot open the file',
      'write as who made it, or as root',
    );
  }
  if (word !== 'allow' && word !== 'deny') {
    return refusal('setgroups-word', 'EINVAL', 'setgroups takes allow and deny', 'write deny');
  }
  if (word === 'allow' && namespace.setgroups === 'deny') {
    return refusal(
      'setgroups-denied-above',
      'EPERM',
      'setgroups(2) was given up, here or in a namespace above, and does not come back',
      'make another user namespace, from one where it is allowed',
    );
  }
  if (word === 'deny' && namespace.written.gid_map) {
    return refusal(
      'setgroups-too-late',
      'EPERM',
      'gid_map has been written: since then setgroups(2) may have been used',
      'write deny before gid_map',
    );
  }
  return undefined;
}

/** Reads a map as the kernel does, line by line, up to the first fault. */
function parse(text: string): IdMapRange[] | MapWriteRefusal {
  const lines = text.split('\n');
  if (lines.at(-1) === '') lines.pop();
  const ranges: IdMapRange[] = [];
  for (const [index, line] of lines.entries()) {
    const at = `line ${index + 1}`;
    const fields = /^\s*(\d+)\s+(\d+)\s+(\d+)\s*$/.exec(line);
    if (!fields) {
      return refusal(
        'syntax',
        'EINVAL',
        `${at} is not three numbers: inside, outside, length`,
        'write for example 0 100000 65536',
      );
    }
    const [inside = 0, outside = 0, length = 0] = fields.slice(1).map(modulo32);
    const range = { inside, outside, length };
    if (inside === NO_ID || outside === NO_ID) {
      return refusal('id-invalid', 'EINVAL', `${at} begins at ${NO_ID}, which is no id`, 'use ids below it');
    }
    if (length === 0)
      return refusal('length-zero', 'EINVAL', `${at} has a length of 0`, 'give a length of 1 or more');
    if (inside + length > NO_ID || outside + length > NO_ID) {
      return refusal('range-overflow', 'EINVAL', `${at} ends beyond the last id`, 'make it shorter');
    }
    const other = ranges.find((each) => overlaps(each, range));
    if (other) {
      return refusal(
        'overlap',
        'EINVAL',
        `${at}, ${show(range)}, overlaps ${show(other)}`,
        'make the ranges disjoint, inside and outside',
      );
    }
    if (ranges.length + 1 === maxRanges && index + 1 < lines.length) {
      return refusal(
        'too-many-ranges',
        'EINVAL',
        `a map holds at most ${maxRanges} ranges`,
        'join neighbouring ranges',
      );
    }
    ranges.push(range);
  }
  if (ranges.length === 0)
    return refusal('empty', 'EINVAL', 'the map has no line', 'give at least one range');
  return ranges;
}

/** The kernel keeps 32 bits, and does not mind more. */
function modulo32(digits: string): number {
  return Number(BigInt.asUintN(32, BigInt(digits)));
}

function overlaps(a: IdMapRange, b: IdMapRange): boolean {
  return (
    (a.inside < b.inside + b.length && b.inside < a.inside + a.length) ||
    (a.outside < b.outside + b.length && b.outside < a.outside + a.length)
  );
}

function show({ inside, outside, length }: IdMapRange): string {
  return `${inside} ${outside} ${length}`;
}

function refusal(
  cause: MapWriteCause,
  errno: MapWriteRefusal['errno'],
  why: string,
  fix: string,
): MapWriteRefusal {
  return { cause, errno, why, fix };
}
