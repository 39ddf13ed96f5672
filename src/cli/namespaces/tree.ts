import type { Namespace } from '../../explore/namespaces/namespace.js';

export const treeKinds = ['owner', 'parent'] as const;

/** `owner`: below the user namespace that owns it; `parent`: PID and user namespaces below the one above. */
export type TreeKind = (typeof treeKinds)[number];

export interface TreeRow {
  readonly namespace: Namespace;
  /** What is drawn before it. */
  readonly prefix: string;
}

/** In the order of the lines; each namespace once. */
export function namespaceTree(namespaces: readonly Namespace[], kind: TreeKind): TreeRow[] {
  const shown = new Set(namespaces.map(({ inode }) => inode));
  const above = (namespace: Namespace): number | undefined => {
    const relation = kind === 'owner' && namespace.type !== 'user' ? namespace.owner : namespace.parent;
    return typeof relation === 'number' && shown.has(relation) ? relation : undefined;
  };
  const below = new Map<number | undefined, Namespace[]>();
  for (const namespace of namespaces) {
    const list = below.get(above(namespace));
    if (list) list.push(namespace);
    else below.set(above(namespace), [namespace]);
  }
  const rows: TreeRow[] = [];
  const draw = (parent: number | undefined, indent: string): void => {
    const list = below.get(parent) ?? [];
    for (const [index, namespace] of list.entries()) {
      const last = index === list.length - 1;
      const isRoot = parent === undefined;
      rows.push({ namespace, prefix: isRoot ? '' : `${indent}${last ? '└─' : '├─'}` });
      draw(namespace.inode, isRoot ? '' : `${indent}${last ? '  ' : '│ '}`);
    }
  };
  draw(undefined, '');
  return rows;
}
