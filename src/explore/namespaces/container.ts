import type { NamespaceContainer } from './namespace.js';

const patterns: readonly (readonly [RegExp, NamespaceContainer['runtime']])[] = [
  [/(?:^|\/)warren-([0-9a-f]{12})(?:\/|$)/m, 'warren'],
  [/(?:\/docker\/|\/docker-)([0-9a-f]{64})(?:\.scope)?(?:\/|$)/m, 'docker'],
  [/\/libpod-([0-9a-f]{64})(?:\.scope)?(?:\/|$)/m, 'podman'],
  [/\/libpod_parent\/libpod-([0-9a-f]{64})(?:\/|$)/m, 'podman'],
  [/\/crio-([0-9a-f]{64})(?:\.scope)?(?:\/|$)/m, 'cri-o'],
  [/(?:\/|:)cri-containerd[-:]([0-9a-f]{64})(?:\.scope)?(?:\/|$)/m, 'containerd'],
  [/\/kubepods[^\n]*\/([0-9a-f]{64})(?:\/|$)/m, 'containerd'],
  [/\/lxc(?:\.payload\.|\/)([^/\n]+)(?:\/|$)/m, 'lxc'],
];

/**
 * Whose container a process is of, by the names that runtimes give to control groups.
 *
 * @param text `/proc/PID/cgroup`, all its lines. See cgroups(7).
 */
export function containerOfCgroup(text: string): NamespaceContainer | undefined {
  for (const [pattern, runtime] of patterns) {
    const id = pattern.exec(text)?.[1];
    if (id !== undefined) return { runtime, id };
  }
  return undefined;
}
