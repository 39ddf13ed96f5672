/** diffLayer() on real overlay mounts: what was done through the mount is what is told of the layer. */
import assert from 'node:assert/strict';
import { mkdirSync } from 'node:fs';
import { join } from 'node:path';
import { after, test } from 'node:test';
import { diffLayer, type DiffOptions } from '../../src/containers/diff.js';
import { assertFakeHost } from '../support/fake-host.js';
import { scratch, sh } from './support.js';

assertFakeHost();

const base = scratch();
// overlayfs takes no other overlay as upper directory, which /tmp may be.
sh('mount -t tmpfs tmpfs .', base.path);
after(() => {
  sh(`umount ${base.path}`, '/');
  base[Symbol.dispose]();
});
let count = 0;

interface Case {
  /** Shell commands, in the lower layer; several are layers, the lowest first. */
  readonly lowers?: readonly string[];
  /** In the mount. */
  readonly script: string;
  readonly options?: string;
}

async function changes(
  { lowers = [standard], script, options = '' }: Case,
  diffOptions?: DiffOptions,
): Promise<string[]> {
  const top = join(base.path, String(count++));
  const directories = lowers.map((_text, index) => join(top, `lower${index}`));
  for (const name of ['upper', 'work', 'merged']) mkdirSync(join(top, name), { recursive: true });
  const mount = (lower: readonly string[], upper: string): void => {
    sh(
      `mkdir -p ${upper} work merged
        mount -t overlay overlay -o lowerdir=${lower.join(':')},upperdir=${upper},workdir=work${options} merged`,
      top,
    );
  };
  const done: string[] = [];
  for (const [index, text] of [...lowers, script].entries()) {
    const upper = directories[index] ?? join(top, 'upper');
    if (index === 0) {
      mkdirSync(upper);
      sh(text, upper);
    } else {
      mount(done, upper);
      try {
        sh(text, join(top, 'merged'));
      } finally {
        sh('umount merged; rm -r work', top);
      }
    }
    done.unshift(upper);
  }
  const [, ...below] = done;
  const rows: string[] = [];
  for await (const { kind, path } of diffLayer(
    join(top, 'upper'),
    below.length === 1 ? (below[0] ?? '') : below,
    diffOptions,
  ))
    rows.push(`${kind} ${path}`);
  return rows;
}

const standard = `mkdir -p etc bin usr/lib/deep home/a dev
  echo 1 > etc/passwd; echo 1 > etc/group; echo 1 > bin/tool; echo 1 > usr/lib/deep/x; echo 1 > usr/lib/y; ln -s tool bin/link
  : > etc/hosts; echo 1 > home/a/one; echo 2 > home/a/two`;

for (const [what, script, expected] of [
  ['nothing', ':', []],
  ['a file that is looked at', 'cat etc/passwd', []],
  [
    'a new file, with the directories above it',
    'echo > usr/lib/deep/new',
    ['C /usr', 'C /usr/lib', 'C /usr/lib/deep', 'A /usr/lib/deep/new'],
  ],
  ['a new tree', 'mkdir -p srv/a/b; echo > srv/a/f', ['A /srv', 'A /srv/a', 'A /srv/a/b', 'A /srv/a/f']],
  ['a file that is written to', 'echo 2 >> etc/passwd', ['C /etc', 'C /etc/passwd']],
  ['a mode, an owner', 'chmod 600 etc/passwd; chown 5 bin', ['C /bin', 'C /etc', 'C /etc/passwd']],
  ['a file that is deleted', 'rm etc/passwd', ['C /etc', 'D /etc/passwd']],
  ['a directory that is deleted: one line', 'rm -r usr/lib', ['C /usr', 'D /usr/lib']],
  [
    'a directory that is made anew',
    'rm -r home/a; mkdir home/a; echo 3 > home/a/three; echo 1 > home/a/one',
    ['C /home', 'C /home/a', 'C /home/a/one', 'A /home/a/three', 'D /home/a/two'],
  ],
  [
    'a file in place of a directory, and the other way round',
    'rm -r home/a; echo > home/a; rm bin/tool; mkdir bin/tool; echo > bin/tool/x',
    ['C /bin', 'C /bin/tool', 'A /bin/tool/x', 'C /home', 'C /home/a'],
  ],
  [
    'a file that is deleted and made again as it was',
    'cp -p etc/passwd /dev/shm/x; rm etc/passwd; cp -p /dev/shm/x etc/passwd; rm /dev/shm/x',
    [],
  ],
  ['a new file that is deleted again', 'echo > etc/new; rm etc/new', []],
  ['a link', 'ln -sf other bin/link', ['C /bin', 'C /bin/link']],
  ['a file that is renamed', 'mv etc/passwd etc/shadow', ['C /etc', 'D /etc/passwd', 'A /etc/shadow']],
  [
    'what the engine writes',
    'echo x > etc/hosts; echo x > etc/resolv.conf; echo x > etc/hostname; rm etc/hosts',
    [],
  ],
  [
    'what the engine makes to mount on',
    'mkdir proc sys dev/pts dev/shm; echo > .dockerenv; : > dev/console',
    [],
  ],
  ['a file in such a directory', 'mkdir -p dev/shm; echo > dev/other', ['C /dev', 'A /dev/other']],
  [
    'a file that only has other capabilities',
    'touch -r bin/tool /dev/shm/t; setcap cap_chown=ep bin/tool; touch -r /dev/shm/t bin/tool; rm /dev/shm/t',
    ['C /bin', 'C /bin/tool'],
  ],
] as const satisfies readonly (readonly [string, string, readonly string[]])[]) {
  test(`diffLayer() of ${what}`, async () => {
    assert.deepEqual(await changes({ script }), expected);
  });
}

test('diffLayer() takes several lower layers together, with their own white-outs and opaque directories', async () => {
  const lowers = [
    standard,
    'rm etc/passwd; rm -r home/a; mkdir home/a; echo > home/a/four',
    'echo > etc/added',
  ];
  assert.deepEqual(
    await changes({ lowers, script: 'echo > etc/passwd; echo > home/a/one; rm home/a/four etc/added' }),
    [
      'C /etc',
      'D /etc/added',
      'A /etc/passwd',
      'C /home',
      'D /home/a/four',
      'C /home/a',
      'A /home/a/one',
    ].sort((a, b) => (a.slice(2) < b.slice(2) ? -1 : 1)),
  );
});

test('diffLayer() reads the marks of an overlay that was mounted in a user namespace', async () => {
  const script = 'rm etc/passwd; rm -r home/a; mkdir home/a; echo 1 > home/a/new';
  assert.deepEqual(await changes({ script, options: ',userxattr' }), [
    'C /etc',
    'D /etc/passwd',
    'C /home',
    'C /home/a',
    'A /home/a/new',
    'D /home/a/one',
    'D /home/a/two',
  ]);
});

test('diffLayer() tells what was prepared from what the container did', async () => {
  const owner = { uid: 0, gid: 0 };
  const prepared = {
    hidden: [
      { path: 'home', mode: 0o755, ...owner },
      { path: 'bin', mode: 0o755, ...owner },
    ],
    files: [
      { path: 'etc/passwd', content: 'x\n', mode: 0o644, ...owner },
      { path: 'etc/group', content: 'x\n', mode: 0o644, ...owner },
      { path: 'etc/new', content: '', mode: 0o600, ...owner },
    ],
  };
  const prepare = `rm -r home bin; mkdir home bin; for f in passwd group; do echo x > etc/$f; done; : > etc/new; chmod 600 etc/new`;
  assert.deepEqual(await changes({ script: prepare }, prepared), []);
  assert.deepEqual(
    await changes(
      { script: `${prepare}; echo > home/mine; echo y > etc/passwd; chmod 644 etc/new` },
      prepared,
    ),
    ['C /etc', 'A /etc/new', 'C /etc/passwd', 'C /home', 'A /home/mine'],
  );
});

test('diffLayer() of a layer that is not there yet is empty', async () => {
  for await (const change of diffLayer(join(base.path, 'never'), base.path)) assert.fail(change.path);
});

test('diffLayer() puts the mount point of the layer before each path', async () => {
  assert.deepEqual(await changes({ script: 'echo > etc/new' }, { at: '/mnt/data/' }), [
    'C /mnt/data/etc',
    'A /mnt/data/etc/new',
  ]);
});

test('diffLayer() reads white-outs that are attributes', async () => {
  const top = join(base.path, String(count++));
  mkdirSync(top);
  sh(
    `mkdir lower upper; echo > lower/gone; echo > lower/kept; : > upper/gone; : > upper/made
     python3 -c "import os; [os.setxattr('upper/' + f, 'trusted.overlay.whiteout', b'y') for f in ('gone', 'made')]"`,
    top,
  );
  const rows: string[] = [];
  for await (const { kind, path } of diffLayer(join(top, 'upper'), join(top, 'lower')))
    rows.push(`${kind} ${path}`);
  assert.deepEqual(rows, ['D /gone']);
});
