import { namespaceTypes, type Namespace, type NamespaceInventory, type NamespaceType } from './namespace.js';
import { findNamespaces, type NamespaceTarget } from './find.js';

/** How B's namespace of a type stands to A's. */
export type NamespaceKinship =
  | 'same'
  /** A's is below B's, by `levels`. */
  | 'descendant'
  /** A's is above B's. */
  | 'ancestor'
  | 'other'
  /** One of them could not be seen. */
  | 'unknown';

export interface NamespaceComparison {
  readonly type: NamespaceType;
  readonly a: number | undefined;
  readonly b: number | undefined;
  readonly kinship: NamespaceKinship;
  /** Between the two, for `descendant` and `ancestor`. */
  readonly levels?: number;
  /** The owning user namespaces, where they are told. */
  readonly ownerA: number | undefined;
  readonly ownerB: number | undefined;
}

/**
 * Which namespaces two share, type by type; where they name single namespaces, only those of the types they have in
 * common.
 *
 * @throws {WarrenError} `ERR_NAMESPACE_NOT_FOUND`.
 */
export function compareNamespaces(
  inventory: NamespaceInventory,
  a: NamespaceTarget,
  b: NamespaceTarget,
): NamespaceComparison[] {
  const byInode = new Map(inventory.namespaces.map((each) => [each.inode, each]));
  const [ofA, ofB] = [a, b].map(
    (target) => new Map(findNamespaces(inventory, target).map((each) => [each.type, each])),
  ) as [Map<NamespaceType, Namespace>, Map<NamespaceType, Namespace>];
  const bothProcesses = a.by === 'pid' && b.by === 'pid';
  return namespaceTypes
    .filter((type) => (bothProcesses ? ofA.has(type) || ofB.has(type) : ofA.has(type) && ofB.has(type)))
    .map((type) => {
      const [left, right] = [ofA.get(type), ofB.get(type)];
      return {
        type,
        a: left?.inode,
        b: right?.inode,
        ...kinship(byInode, left, right),
        ownerA: ownerOf(left),
        ownerB: ownerOf(right),
      };
    });
}

function ownerOf(namespace: Namespace | undefined): number | undefined {
  return typeof namespace?.owner === 'number' ? namespace.owner : undefined;
}

function kinship(
  byInode: ReadonlyMap<number, Namespace>,
  a: Namespace | undefined,
  b: Namespace | undefined,
): Pick<NamespaceComparison, 'kinship' | 'levels'> {
  if (!a || !b) return { kinship: 'unknown' };
  if (a.inode === b.inode) return { kinship: 'same' };
  const up = distance(byInode, a, b);
  if (up !== undefined) return { kinship: 'descendant', levels: up };
  const down = distance(byInode, b, a);
  return down === undefined ? { kinship: 'other' } : { kinship: 'ancestor', levels: down };
}

/** PID and user namespaces nest, at most 32 deep. */
function distance(
  byInode: ReadonlyMap<number, Namespace>,
  from: Namespace,
  to: Namespace,
): number | undefined {
  let at: Namespace | undefined = from;
  for (let levels = 0; at && levels <= 64; levels++) {
    if (at.inode === to.inode) return levels;
    at = typeof at.parent === 'number' ? byInode.get(at.parent) : undefined;
  }
  return undefined;
}
