/** Roots made by somebody hostile: links where we mount, files where we read. Nothing outside them is touched. */
import assert from 'node:assert/strict';
import { execFileSync } from 'node:child_process';
import {
  copyFileSync,
  cpSync,
  lstatSync,
  mkdirSync,
  mkdtempSync,
  readFileSync,
  rmSync,
  symlinkSync,
  truncateSync,
  writeFileSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { test } from 'node:test';
import { run, type RunOptions, type RunResult } from '../../src/index.js';
import { WarrenError } from '../../src/errors.js';
import { warren } from '../support/cli.js';
import { assertFakeHost } from '../support/fake-host.js';
import { leavesNothing } from '../support/leaks.js';
import { oracle } from '../support/oracle.js';
import { busyboxRootfs } from '../support/rootfs.js';

assertFakeHost();

const template = busyboxRootfs();
process.on('exit', () => {
  template[Symbol.dispose]();
});

// What only the first start opens is no trace.
await run(['true'], { rootfs: template.path });

interface Trap {
  /** The hostile root. */
  readonly rootfs: string;
  /** What its links lead to, on the host. */
  readonly outside: string;
  /** Replaces what is at a path of the root by a link, or makes one. */
  readonly link: (path: string, target: string) => void;
}

/** Runs a body with a root that can be prepared, and checks that what lies outside it is as it was. */
async function withTrap(body: (trap: Trap) => Promise<void>): Promise<void> {
  const base = mkdtempSync(join(tmpdir(), 'warren-trap-'));
  const rootfs = join(base, 'rootfs');
  const outside = join(base, 'outside');
  cpSync(template.path, rootfs, { recursive: true, verbatimSymlinks: true });
  for (const dir of ['pts', 'sys/net/ipv4', 'shm']) mkdirSync(join(outside, dir), { recursive: true });
  for (const file of ['null', 'console', 'file', 'kcore', 'passwd'])
    writeFileSync(join(outside, file), 'untouched');
  writeFileSync(join(outside, 'sys/net/ipv4/ip_unprivileged_port_start'), 'untouched');
  const look = (): string =>
    execFileSync('find', [outside, '-printf', '%p %y %m %u %g %s %T@\\n'], { encoding: 'utf8' }) +
    readFileSync('/proc/self/mountinfo', 'utf8');
  const before = look();
  try {
    await leavesNothing(async () => {
      await body({
        rootfs,
        outside,
        link: (path, target) => {
          rmSync(join(rootfs, path), { recursive: true, force: true });
          symlinkSync(target, join(rootfs, path));
        },
      });
    });
    assert.equal(look(), before, 'touched outside the root');
  } finally {
    rmSync(base, { recursive: true });
  }
}

/** A start may be refused, by naming the step; what it must not do is the caller's to check. */
async function attempt(argv: readonly string[], options: RunOptions): Promise<RunResult | undefined> {
  try {
    return await run(argv, options);
  } catch (error) {
    assert.ok(error instanceof WarrenError && error.code === 'ERR_STEP', String(error));
    return undefined;
  }
}

/** To the real thing by an absolute path, and by climbing. */
const ways = (outside: string): string[] => [outside, `${'../'.repeat(20)}${outside.slice(1)}`];

for (const rw of [false, true]) {
  const root = rw ? 'a root written to' : 'a root';

  test(`CVE-2021-30465: a volume’s target that is a link in ${root} leads nowhere outside it`, async () => {
    await withTrap(async ({ rootfs, outside, link }) => {
      const volume = join(rootfs, '..', 'volume');
      mkdirSync(volume);
      writeFileSync(join(volume, 'mine'), '');
      for (const to of ways(outside)) {
        link('data', to);
        for (const target of ['/data', '/data/deep/er']) {
          const result = await attempt(['ls', target], { rootfs, rw, volumes: [`${volume}:${target}`] });
          if (result) assert.equal(result.stdout, 'mine');
          await attempt(['true'], { rootfs, rw, tmpfs: [target] });
          await attempt(['true'], { rootfs, rw, volumes: [`${join(volume, 'mine')}:${target}/file`] });
        }
      }
      rmSync(volume, { recursive: true });
    });
  });

  test(`CVE-2025-31133, CVE-2025-52565: links at /dev, /proc, /sys and below in ${root} lead nowhere outside it`, async () => {
    await withTrap(async ({ rootfs, outside, link }) => {
      for (const path of [
        'dev',
        'proc',
        'sys',
        'dev/null',
        'dev/console',
        'dev/pts',
        'dev/shm',
        'dev/ptmx',
      ]) {
        for (const to of ways(path.startsWith('dev/') ? join(outside, path.slice(4)) : outside)) {
          for (const place of ['dev', 'proc', 'sys']) {
            rmSync(join(rootfs, place), { recursive: true, force: true });
            mkdirSync(join(rootfs, place));
          }
          link(path, to);
          const result = await attempt(['sh', '-c', 'echo x >/dev/null; tty'], { rootfs, rw, tty: true });
          if (result) assert.match(result.stdout, /\/dev\/(?:console|pts\/0)/);
        }
      }
    });
  });

  test(`CVE-2025-31133, CVE-2023-27561: what /proc hides is hidden although /proc is a link in ${root}`, async () => {
    await withTrap(async ({ rootfs, link }) => {
      for (const to of ['/elsewhere', 'elsewhere', '/etc/../elsewhere']) {
        link('proc', to);
        mkdirSync(join(rootfs, 'elsewhere'), { recursive: true });
        const script = `
          for name in interrupts kcore keys timer_list; do
            test ! -e /proc/$name || test "$(stat -c %t:%T /proc/$name)" = 1:3 || echo $name shown
          done
          test -e /proc/interrupts || echo no procfs
          echo 1 2>/dev/null >/proc/sys/kernel/hostname && echo sys written
          echo 1 2>/dev/null >/proc/sysrq-trigger && echo sysrq written
          true`;
        const result = await attempt(['sh', '-c', script], { rootfs, rw });
        if (result) assert.equal(result.stdout, '');
      }
    });
  });

  test(`CVE-2019-16884, CVE-2025-52881: a parameter is written to the kernel’s own file, not to one that ${root} offers`, async () => {
    await withTrap(async ({ rootfs, outside, link }) => {
      const name = 'sys/net/ipv4/ip_unprivileged_port_start';
      const sysctls = { 'net.ipv4.ip_unprivileged_port_start': 99 };
      const read = ['cat', `/proc/${name}`];
      // A tree that looks like it, at /proc itself.
      mkdirSync(join(rootfs, 'proc/sys/net/ipv4'), { recursive: true });
      writeFileSync(join(rootfs, 'proc', name), 'untouched');
      assert.equal((await run(read, { rootfs, rw, sysctls })).stdout, '99');
      assert.equal(readFileSync(join(rootfs, 'proc', name), 'utf8'), 'untouched');
      for (const to of [...ways(outside), '/elsewhere']) {
        link('proc', to);
        await attempt(['true'], { rootfs, rw, sysctls });
      }
      // A volume that a link puts over /proc.
      link('proc', 'elsewhere');
      link('data', '/proc');
      const volume = join(rootfs, '..', 'volume');
      cpSync(outside, volume, { recursive: true });
      await attempt(['true'], { rootfs, rw, sysctls, oomScoreAdj: 10, volumes: [`${volume}:/data`] });
      assert.equal(readFileSync(join(volume, name), 'utf8'), 'untouched');
      rmSync(volume, { recursive: true });
    });
  });

  test(`CVE-2025-31133: a volume over /dev brings no target of ours with it, in ${root}`, async () => {
    await withTrap(async ({ rootfs, outside }) => {
      const volume = join(rootfs, '..', 'volume');
      mkdirSync(volume);
      for (const name of ['null', 'console', 'pts', 'shm', 'ptmx', 'tty'])
        symlinkSync(join(outside, name), join(volume, name));
      await attempt(['true'], { rootfs, rw, tty: true, volumes: [`${volume}:/dev`] });
      assert.ok(lstatSync(join(volume, 'console')).isSymbolicLink());
      rmSync(volume, { recursive: true });
    });
  });

  test(`CVE-2019-14271: /etc/hosts and the like that are links in ${root} are not written through`, async () => {
    await withTrap(async ({ rootfs, outside, link }) => {
      for (const name of ['hostname', 'hosts', 'resolv.conf']) link(`etc/${name}`, join(outside, 'file'));
      assert.ok(await attempt(['true'], { rootfs, rw }));
      link('etc', outside);
      await attempt(['true'], { rootfs, rw });
    });
  });
}

test('CVE-2022-0492, CVE-2022-0811: a second procfs or sysfs is read-only, and what is hidden is hidden at /proc', async () => {
  const rootfs = template.path;
  const writable = async (mount: string, path: string, more: RunOptions = {}): Promise<string> =>
    (
      await run(['sh', '-c', `(: >>${path}) 2>/dev/null && echo writable || echo refused`], {
        rootfs,
        mounts: [mount],
        ...more,
      })
    ).stdout;
  assert.equal(await writable('type=proc,dst=/mnt', '/mnt/sys/kernel/core_pattern'), 'refused');
  assert.equal(await writable('type=sysfs,dst=/mnt', '/mnt/kernel/uevent_seqnum'), 'refused');
  assert.equal(await writable('type=proc,dst=/proc', '/proc/sys/kernel/core_pattern'), 'refused');
  const { stdout } = await run(['stat', '-c', '%t:%T', '/proc/interrupts'], {
    rootfs,
    mounts: ['type=proc,dst=/proc'],
  });
  assert.equal(stdout, '1:3');
  // Opened only; a namespace's own file, for the case that it is written after all.
  const own = '/mnt/sys/net/ipv4/ip_forward';
  assert.equal(await writable('type=proc,dst=/mnt', own), 'refused');
  assert.equal(await writable('type=proc,dst=/mnt', own, { privileged: true }), 'writable');
});

test('CVE-2022-0811: a parameter’s value cannot bring another one with it', async () => {
  const pattern = readFileSync('/proc/sys/kernel/core_pattern', 'utf8');
  for (const value of ['1+kernel.core_pattern=|/x', '1\nkernel.core_pattern=|/x', '1=2', '1\0', '1\r2']) {
    await assert.rejects(
      run(['true'], { rootfs: template.path, sysctls: { 'kernel.shm_rmid_forced': value } }),
      (error) => error instanceof WarrenError && ['ERR_SYSCTL_VALUE', 'ERR_STEP'].includes(error.code),
      JSON.stringify(value),
    );
  }
  for (const key of [
    'kernel.shm_rmid_forced+kernel.core_pattern',
    'kernel.shm_rmid_forced=1\nkernel.core_pattern',
    'net/../kernel/core_pattern',
    'net.ipv4/../../kernel/core_pattern',
    'net.......kernel.core_pattern',
    'kernel.core_pattern',
    '/proc/sys/kernel/core_pattern',
  ]) {
    await assert.rejects(
      run(['true'], { rootfs: template.path, sysctls: { [key]: '|/x' } }),
      (error) => error instanceof WarrenError && error.code.startsWith('ERR_SYSCTL_'),
      key,
    );
  }
  assert.equal(readFileSync('/proc/sys/kernel/core_pattern', 'utf8'), pattern);
});

test('CVE-2018-15664: /etc/passwd that is a link is looked up in the root, not on the host', async () => {
  await withTrap(async ({ rootfs, outside, link }) => {
    writeFileSync(join(rootfs, 'etc/hidden'), 'mallory:x:4242:4242::/:/bin/sh\n');
    link('etc/passwd', '/etc/hidden');
    assert.equal((await run(['id', '-u'], { rootfs, user: 'mallory' })).stdout, '4242');
    for (const to of [
      '/etc/shadow',
      ...ways(join(outside, 'passwd')),
      '/proc/self/fd/0',
      '/proc/1/root/etc/passwd',
    ]) {
      link('etc/passwd', to);
      await assert.rejects(run(['true'], { rootfs, user: 'daemon' }), { code: 'ERR_USER_UNKNOWN' });
    }
  });
});

test('a hostile /etc/passwd or /etc/group is refused at once: FIFO, device, directory, one of 2 GB', async () => {
  await withTrap(async ({ rootfs }) => {
    for (const name of ['etc/passwd', 'etc/group']) {
      const path = join(rootfs, name);
      const makers: Readonly<Record<string, () => void>> = {
        FIFO: () => oracle('mkfifo', [path]),
        device: () => oracle('mknod', [path, 'c', '1', '8']),
        directory: () => {
          mkdirSync(path);
        },
        socket: () =>
          oracle('python3', [
            '-c',
            `import socket,sys; socket.socket(socket.AF_UNIX).bind(sys.argv[1])`,
            path,
          ]),
        large: () => {
          writeFileSync(path, '');
          truncateSync(path, 2 ** 31);
        },
      };
      for (const [what, make] of Object.entries(makers)) {
        rmSync(path, { recursive: true, force: true });
        make();
        for (const user of [undefined, 'guest'])
          await assert.rejects(
            run(['true'], { rootfs, ...(user === undefined ? {} : { user }) }),
            { code: 'ERR_USER_FILE' },
            `${name} ${what}`,
          );
      }
      rmSync(path, { recursive: true, force: true });
      copyFileSync(join(template.path, name), path);
    }
  });
});

test('CVE-2024-40635: a user id is taken whole or refused, never cut to another', async () => {
  const rootfs = template.path;
  for (const user of [
    '4294967296',
    '4294967295',
    '-1',
    '+0',
    '0x0',
    '00000000000',
    '2147483648:4294967296',
    '1e3',
    '1.5',
  ]) {
    await assert.rejects(
      run(['true'], { rootfs, user }),
      (error) => error instanceof WarrenError && error.code.startsWith('ERR_USER_'),
      user,
    );
  }
  assert.equal((await run(['id', '-u'], { rootfs, user: '2147483647:7' })).stdout, '2147483647');
  await withTrap(async (trap) => {
    writeFileSync(
      join(trap.rootfs, 'etc/passwd'),
      'big:x:4294967296:0::/:\nminus:x:-1:0::/:\nhex:x:0x0:0::/:\nempty:x::0::/:\nshort:x\nfraction:x:0.5:0::/:\n',
    );
    for (const user of ['big', 'minus', 'hex', 'empty', 'short', 'fraction'])
      await assert.rejects(run(['true'], { rootfs: trap.rootfs, user }), { code: 'ERR_USER_UNKNOWN' }, user);
  });
});

test('CVE-2019-14271, CVE-2026-41567: the host opens no file of the root but /etc/passwd and /etc/group, and runs none', async () => {
  await withTrap(async ({ rootfs }) => {
    const log = join(rootfs, '..', 'log');
    writeFileSync(join(rootfs, 'etc/nsswitch.conf'), 'passwd: evil\n');
    mkdirSync(join(rootfs, 'lib'));
    writeFileSync(join(rootfs, 'lib/libnss_evil.so.2'), 'no library');
    oracle('strace', [
      '-f',
      '--quiet=all',
      '--string-limit=300',
      `--output=${log}`,
      '--trace=open,openat,openat2,execve,execveat,mmap,uselib',
      process.execPath,
      '--input-type=module',
      '--eval',
      `import { run } from ${JSON.stringify(join(import.meta.dirname, '../../src/index.js'))};
       await run(['true'], { rootfs: ${JSON.stringify(rootfs)}, user: 'guest' });`,
    ]);
    const calls = readFileSync(log, 'utf8').split('\n');
    assert.ok(calls.some((line) => line.includes('execve("/bin/true"') || line.includes('/true"')));
    const opened = calls.filter((line) => line.includes(rootfs) && !line.includes('execve('));
    for (const line of opened) assert.match(line, /O_PATH|O_DIRECTORY/, line);
    assert.ok(!calls.some((line) => /nsswitch|libnss_evil/.test(line)));
    rmSync(log);
  });
});

test('a namespace file that is a FIFO is not waited at', async () => {
  await withTrap(async ({ rootfs }) => {
    const fifo = join(rootfs, '..', 'fifo');
    oracle('mkfifo', [fifo]);
    for (const kind of ['network', 'ipc', 'uts', 'pid', 'userns', 'cgroupns']) {
      await assert.rejects(
        run(['true'], { rootfs, [kind]: `ns:${fifo}` }),
        (error) => error instanceof WarrenError && /^ERR_(?:STEP|NAMESPACE_)/.test(error.code),
        kind,
      );
    }
    rmSync(fifo);
  });
});

test('a name of the host is not set for a container that shares it', async () => {
  const before = readFileSync('/proc/sys/kernel/domainname', 'utf8');
  for (const uts of ['host', 'pid:1'] as const) {
    for (const name of ['hostname', 'domainname']) {
      // Planned only: where it is not refused, it would be set.
      const { code, stderr } = await warren([
        'run',
        '--plan',
        '--uts',
        uts,
        `--${name}`,
        'evil',
        '--',
        'true',
      ]);
      assert.equal(code, 125, `${uts} ${name}`);
      assert.match(stderr, /UTS namespace/);
    }
  }
  assert.equal(readFileSync('/proc/sys/kernel/domainname', 'utf8'), before);
});
