import { WarrenError, quote } from '../errors.js';
import { didYouMean } from '../kernel/nearest.js';
import { parseSize } from '../kernel/size.js';
import { checkMountSpec, parseTmpfsMode, propagations, tmpfsDefaults } from './mount-spec.js';
import { badMount, checkMountSource, checkMountTarget } from './mount-target.js';
import type { ContainerOptions, MountSpec } from './options.js';
import { parseMountOption } from './parse-mount-option.js';

export { parseMountOption } from './parse-mount-option.js';

/** Words of `-v` that say nothing on Linux without SELinux and named volumes, and are taken so that command lines move unchanged. */
const ignoredVolumeWords: readonly string[] = ['z', 'Z', 'nocopy', 'consistent', 'cached', 'delegated'];

/**
 * All mounts of a container, in the order given: `mounts`, then `volumes`, then `tmpfs`.
 *
 * @throws {WarrenError} `ERR_MOUNT_SPEC`, `ERR_MOUNT_DUPLICATE` for two with one target, `ERR_SIZE`.
 */
export function parseMounts(options: Pick<ContainerOptions, 'mounts' | 'volumes' | 'tmpfs'>): MountSpec[] {
  const mounts = [
    ...(options.mounts ?? []).map((mount) =>
      typeof mount === 'string' ? parseMountOption(mount) : checkMountSpec(mount),
    ),
    ...(options.volumes ?? []).map(parseVolume),
    ...(options.tmpfs ?? []).map(parseTmpfs),
  ];
  refuseDuplicates(mounts);
  return mounts;
}

/**
 * docker's `-v SRC:DST[:OPTIONS]`: `ro` or `rw`, a propagation, and podman's `idmap`. Unlike docker's, a missing source is an error: a slip of the pen should not become an empty directory.
 *
 * @throws {WarrenError} `ERR_MOUNT_SPEC`.
 */
export function parseVolume(text: string): MountSpec {
  const [source, target, words, ...rest] = text.split(':');
  if (source === undefined || target === undefined || rest.length > 0) {
    throw badMount(
      text,
      rest.length > 0
        ? 'it has more than three parts'
        : 'it has no source, and anonymous volumes are not supported yet',
      'write SOURCE:TARGET or SOURCE:TARGET:ro; for a path with a colon use --mount type=bind,source=…,target=…',
    );
  }
  return {
    type: 'bind',
    source: checkMountSource(source, text),
    target: checkMountTarget(target, 'bind', text),
    ...(words === undefined ? {} : parseVolumeWords(words, text)),
  };
}

/**
 * docker's `--tmpfs PATH[:OPTIONS]`: `size=`, `mode=` (octal), `ro`/`rw`, and `exec`, `suid`, `dev`, which take back docker's defaults.
 *
 * @throws {WarrenError} `ERR_MOUNT_SPEC`, `ERR_SIZE`.
 */
export function parseTmpfs(text: string): MountSpec {
  const colon = text.indexOf(':');
  const target = colon < 0 ? text : text.slice(0, colon);
  const words = colon < 0 ? '' : text.slice(colon + 1);
  const mount = { type: 'tmpfs' as const, target: checkMountTarget(target, 'tmpfs', text), ...tmpfsDefaults };
  return words === ''
    ? mount
    : words.split(',').reduce<MountSpec>((spec, word) => ({ ...spec, ...tmpfsWord(word, text) }), mount);
}

function parseVolumeWords(words: string, given: string): Partial<MountSpec> {
  const access = new Set<string>();
  const propagation = new Set<MountSpec['propagation']>();
  let idmap = false;
  for (const word of words.split(',')) {
    const found = propagations.find((name) => name === word);
    if (found !== undefined) propagation.add(found);
    else if (word === 'ro' || word === 'rw') access.add(word);
    else if (word === 'idmap') idmap = true;
    else if (!ignoredVolumeWords.includes(word)) {
      const known = ['ro', 'rw', 'idmap', ...propagations, ...ignoredVolumeWords];
      throw badMount(
        given,
        `there is no option ${quote(word)}`,
        didYouMean(word, known) ?? `the options are ${known.join(', ')}`,
      );
    }
  }
  if (access.size > 1) throw badMount(given, 'it is both "ro" and "rw"', 'choose one');
  if (propagation.size > 1) throw badMount(given, `it has ${propagation.size} propagations`, 'choose one');
  const [chosen] = propagation;
  return {
    ...(access.has('ro') ? { readOnly: true } : {}),
    ...(idmap ? { idmap } : {}),
    ...(chosen === undefined ? {} : { propagation: chosen }),
  };
}

const tmpfsFlags: Readonly<Record<string, Partial<MountSpec>>> = {
  ro: { readOnly: true },
  rw: { readOnly: false },
  exec: { noexec: false },
  noexec: { noexec: true },
  suid: { nosuid: false },
  nosuid: { nosuid: true },
  dev: { nodev: false },
  nodev: { nodev: true },
};

function tmpfsWord(word: string, given: string): Partial<MountSpec> {
  if (Object.hasOwn(tmpfsFlags, word)) return tmpfsFlags[word] ?? {};
  if (word.startsWith('size=')) return { tmpfsSize: parseSize(word.slice('size='.length), 'tmpfs size') };
  if (word.startsWith('mode=')) return { tmpfsMode: parseTmpfsMode(word.slice('mode='.length), given) };
  const known = [...Object.keys(tmpfsFlags), 'size=', 'mode='];
  throw badMount(
    given,
    `there is no tmpfs option ${quote(word)}`,
    didYouMean(word, known) ?? `the options are ${known.join(', ')}`,
  );
}

function refuseDuplicates(mounts: readonly MountSpec[]): void {
  const targets = new Set<string>();
  for (const { target } of mounts) {
    if (targets.has(target)) {
      throw new WarrenError('ERR_MOUNT_DUPLICATE', `Cannot mount twice on ${quote(target)}`, {
        kind: 'invalid-argument',
        why: 'two mounts have this target, and one would hide the other',
        fix: 'leave one of them out',
      });
    }
    targets.add(target);
  }
}
