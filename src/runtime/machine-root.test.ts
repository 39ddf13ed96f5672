import assert from 'node:assert/strict';
import { lstatSync, readdirSync } from 'node:fs';
import { describe, test } from 'node:test';
import type { Layer, RootConfig } from '../plan/config.js';
import { machineRoot, type MachineRootOptions } from './machine-root.js';

type Layers = Extract<RootConfig, { kind: 'layers' }>;

function rootOf(changes: Partial<MachineRootOptions> = {}): Layers {
  const { root } = machineRoot({
    home: false,
    piecewise: false,
    files: [],
    sizeBytes: undefined,
    keep: undefined,
    ...changes,
  });
  assert.equal(root.kind, 'layers');
  return root;
}

const at = (layer: Layer, path: string): string => (layer.at === '' ? path : `${layer.at}/${path}`);
const hiddenIn = ({ layers, skeleton = [] }: Layers): string[] => {
  const tops = layers.map((layer) => layer.at);
  const empty = skeleton.flatMap(({ kind, path }) =>
    kind === 'directory' && !tops.includes(path) ? [path] : [],
  );
  return [...layers.flatMap((layer) => layer.hidden.map(({ path }) => at(layer, path))), ...empty];
};

describe('machineRoot()', () => {
  test('shows /, with the homes and what services keep hidden', () => {
    const root = rootOf();
    assert.equal(root.layers[0]?.lower, '/');
    const hidden = hiddenIn(root);
    for (const path of ['root', 'home', 'tmp', 'run']) assert.ok(hidden.includes(path), path);
  });

  test('shows the homes when asked to', () => {
    const hidden = hiddenIn(rootOf({ home: true }));
    assert.ok(!hidden.includes('root') && !hidden.includes('home'));
    assert.ok(hidden.includes('run'));
  });

  test('hides only what is there, outer directories for inner ones', () => {
    const hidden = hiddenIn(rootOf());
    for (const path of hidden) {
      assert.ok(lstatSync(`/${path}`).isDirectory(), path);
      assert.ok(!hidden.some((other) => path.startsWith(`${other}/`)), `${path} is hidden twice`);
    }
  });

  test('shows no password: the accounts’ are locked, private keys and backups empty', () => {
    const files = rootOf().layers.flatMap((layer) =>
      layer.files.map((file) => ({ ...file, path: at(layer, file.path) })),
    );
    const shadow = files.find(({ path }) => path === 'etc/shadow');
    assert.match(shadow?.content ?? '', /^root:\*:/);
    assert.doesNotMatch(shadow?.content ?? '', /\$[0-9a-z]+\$/);
    for (const { path, content } of files) if (/_key$|shadow-$/.test(path)) assert.equal(content, '', path);
  });

  test('keeps owner and mode of a file it replaces', () => {
    const shadow = rootOf()
      .layers.flatMap((layer) => layer.files)
      .find(({ path }) => path.endsWith('shadow'));
    const { uid, gid, mode } = lstatSync('/etc/shadow');
    assert.deepEqual([shadow?.uid, shadow?.gid, shadow?.mode], [uid, gid, mode & 0o7777]);
  });

  test('puts given files in, in place of its own', () => {
    const files = [
      { path: 'etc/hostname', content: 'box\n' },
      { path: 'etc/machine-id', content: 'mine\n' },
    ];
    const all = rootOf({ files }).layers.flatMap((layer) =>
      layer.files.map((file) => [at(layer, file.path), file.content]),
    );
    assert.deepEqual(
      all.filter(([path]) => path === 'etc/hostname' || path === 'etc/machine-id'),
      files.map(({ path, content }) => [path, content]),
    );
  });

  test('makes the directories above everything in a layer, outer first', () => {
    for (const layer of rootOf().layers) {
      const made = new Set(['']);
      for (const { path } of [...layer.parents, ...layer.hidden, ...layer.files]) {
        assert.ok(made.has(path.slice(0, Math.max(0, path.lastIndexOf('/')))), at(layer, path));
        made.add(path);
      }
    }
  });

  test('in pieces: everything at the top of / is a layer, a link, or made empty; /proc, /sys and /dev are not shown', () => {
    const root = rootOf({ piecewise: true });
    const entries = new Map((root.skeleton ?? []).map((entry) => [entry.path, entry.kind]));
    for (const { name } of readdirSync('/', { withFileTypes: true }).filter(
      (entry) => entry.isDirectory() || entry.isSymbolicLink(),
    )) {
      assert.ok(entries.has(name), name);
    }
    assert.ok(!root.layers.some((layer) => /^(proc|sys|dev|)$/.test(layer.at)));
    for (const layer of root.layers) assert.equal(entries.get(layer.at), 'directory', layer.at);
    assert.ok(!root.layers.some((layer) => layer.at === 'root' || layer.at === 'home'));
  });
});
