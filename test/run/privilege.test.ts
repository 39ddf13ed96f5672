import assert from 'node:assert/strict';
import { readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, test } from 'node:test';
import { run, type RunOptions } from '../../src/index.js';
import { warren } from '../support/cli.js';
import { hold, linesOf, sh } from '../support/container.js';
import { assertFakeHost } from '../support/fake-host.js';
import { oracle } from '../support/oracle.js';
import { busyboxRootfs } from '../support/rootfs.js';

assertFakeHost();

const root = busyboxRootfs();
after(() => root[Symbol.dispose]());
const rootfs = root.path;

/** What docker's documentation lists as kept by default, sorted. */
const customary = [
  'cap_audit_write',
  'cap_chown',
  'cap_dac_override',
  'cap_fowner',
  'cap_fsetid',
  'cap_kill',
  'cap_mknod',
  'cap_net_bind_service',
  'cap_net_raw',
  'cap_setfcap',
  'cap_setgid',
  'cap_setpcap',
  'cap_setuid',
  'cap_sys_chroot',
];

const fields = ['CapInh', 'CapPrm', 'CapEff', 'CapBnd', 'CapAmb'] as const;
type Sets = Readonly<Record<(typeof fields)[number], readonly string[]>>;

/** The five sets of /proc/PID/status, decoded by capsh(1). */
function decode(statusText: string): Sets {
  const entries = fields.map((field) => {
    const mask = new RegExp(`^${field}:\\t(\\w+)$`, 'm').exec(statusText)?.[1] ?? assert.fail(field);
    const names =
      oracle('capsh', [`--decode=${mask}`])
        .stdout.trim()
        .split('=')[1] ?? '';
    return [field, names === '' ? [] : names.split(',').sort()] as const;
  });
  return Object.fromEntries(entries) as unknown as Sets;
}

async function setsOf(options: RunOptions): Promise<Sets> {
  return decode((await run(['cat', '/proc/self/status'], { rootfs, ...options })).stdout);
}

const allOf = (names: readonly string[]): Sets => ({
  CapInh: [],
  CapPrm: names,
  CapEff: names,
  CapBnd: names,
  CapAmb: [],
});

/** What this process could pass on. */
const ours = decode(readFileSync('/proc/self/status', 'utf8')).CapBnd;

test('MISSION 4.3: a container starts with the customary set, and inheritable and ambient empty', async () => {
  assert.deepEqual(await setsOf({}), allOf(customary));
});

test('MISSION 4.3: --cap-add adds to it, with and without the prefix', async () => {
  const expected = [...customary, 'cap_net_admin', 'cap_sys_ptrace'].sort();
  assert.deepEqual(await setsOf({ caps: { add: ['NET_ADMIN', 'cap_sys_ptrace'] } }), allOf(expected));
});

test('MISSION 4.3: --cap-drop takes away from it', async () => {
  const expected = customary.filter((name) => name !== 'cap_chown' && name !== 'cap_net_raw');
  assert.deepEqual(await setsOf({ caps: { drop: ['CHOWN', 'CAP_NET_RAW'] } }), allOf(expected));
});

test('MISSION 4.3: --cap-drop ALL leaves none, and --cap-add then adds single ones', async () => {
  assert.deepEqual(await setsOf({ caps: { drop: ['ALL'] } }), allOf([]));
  assert.deepEqual(
    await setsOf({ caps: { drop: ['ALL'], add: ['NET_BIND_SERVICE'] } }),
    allOf(['cap_net_bind_service']),
  );
});

test('MISSION 4.3: --cap-add ALL and --privileged give all that the caller can give', async () => {
  assert.deepEqual(await setsOf({ caps: { add: ['ALL'] } }), allOf(ours));
  assert.deepEqual(await setsOf({ privileged: true }), allOf(ours));
  assert.deepEqual(
    await setsOf({ caps: { add: ['ALL'], drop: ['SYS_ADMIN'] } }),
    allOf(ours.filter((name) => name !== 'cap_sys_admin')),
  );
});

test('MISSION 4.3: another user than root has none, and keeps the bounding set', async () => {
  const plain = { CapInh: [], CapPrm: [], CapEff: [], CapAmb: [] };
  assert.deepEqual(await setsOf({ user: '1000' }), { ...plain, CapBnd: customary });
  assert.deepEqual(await setsOf({ user: 'guest', privileged: true }), { ...plain, CapBnd: ours });
});

test('MISSION 4.3: what a capability permits can be done with it, and not without', async () => {
  const attempt = async (options: RunOptions): Promise<number> =>
    (await run(['chown', '5', '/tmp'], { rootfs, rejectOnFailure: false, ...options })).exitCode;
  assert.equal(await attempt({}), 0);
  assert.notEqual(await attempt({ caps: { drop: ['CHOWN'] } }), 0);
});

/** In the machine's root: busybox would give a set-user-id's privilege up by itself. */
const setUserId =
  'cp /bin/cat /usr/bin/scat; chmod 4755 /usr/bin/scat; exec setpriv --reuid=1000 --clear-groups scat /proc/self/status';

test('MISSION 4.3: a set-user-id program gives root’s capabilities within the bounding set only', async () => {
  const text = await sh(setUserId, { caps: { drop: ['MKNOD'] } });
  assert.match(text, /^Uid:\t1000\t0\t0\t0$/m);
  assert.deepEqual(decode(text), allOf(customary.filter((name) => name !== 'cap_mknod')));
});

test('MISSION 4.3: the same on the command line, decoded inside by capsh(1)', async () => {
  const { code, stdout } = await warren([
    ...['run', '--cap-drop', 'ALL', '--cap-add', 'kill', '--cap-add', 'CAP_CHOWN'],
    ...['--', 'capsh', '--print'],
  ]);
  assert.equal(code, 0);
  assert.match(stdout, /^Current: cap_chown,cap_kill=ep$/m);
  assert.match(stdout, /^Bounding set =cap_chown,cap_kill$/m);
});

test('no-new-privileges is off by default, on when asked for, and then set-user-id means nothing', async () => {
  const flag = 'grep NoNewPrivs /proc/self/status';
  assert.equal(await sh(flag, { rootfs }), 'NoNewPrivs:\t0');
  assert.equal(await sh(flag, { rootfs, noNewPrivileges: true }), 'NoNewPrivs:\t1');
  const line = ['run', '--security-opt', 'no-new-privileges', '--', 'sh', '-ec', setUserId];
  const { stdout } = await warren(line);
  assert.match(stdout, /^NoNewPrivs:\t1$/m);
  assert.match(stdout, /^Uid:\t1000\t1000\t1000\t1000$/m);
  assert.deepEqual(decode(stdout).CapPrm, []);
});

test('the default seccomp filter is loaded, and denies what a container has no business with', async () => {
  const filtered = await run(['sh', '-c', 'grep Seccomp: /proc/self/status; unshare -r true'], {
    rejectOnFailure: false,
  });
  assert.match(filtered.stdout, /^Seccomp:\t2$/);
  assert.match(filtered.stderr, /unshare failed: Operation not permitted/);
  assert.notEqual(filtered.exitCode, 0);
});

test('seccomp=unconfined and --privileged load no filter', async () => {
  for (const options of [{ seccomp: 'unconfined' }, { privileged: true }] as const) {
    assert.equal(
      await sh('grep Seccomp: /proc/self/status; unshare -r echo made', options),
      'Seccomp:\t0\nmade',
    );
  }
});

test('SYS_ADMIN opens the system calls in the default filter that it is for', async () => {
  assert.equal(await sh('unshare -m echo made', { caps: { add: ['SYS_ADMIN'] } }), 'made');
});

test('a seccomp profile comes from a file', async () => {
  const file = join(tmpdir(), `warren-seccomp-${process.pid}.json`);
  const profile = {
    defaultAction: 'SCMP_ACT_ALLOW',
    syscalls: [
      { names: ['mkdir', 'mkdirat'], action: 'SCMP_ACT_ERRNO', errnoRet: 28 },
      { names: ['sync'], action: 'SCMP_ACT_KILL_PROCESS' },
    ],
  };
  writeFileSync(file, JSON.stringify(profile));
  try {
    const line = ['run', '--rootfs', rootfs, '--security-opt', `seccomp=${file}`, '--'];
    const refused = await warren([...line, 'sh', '-c', 'grep Seccomp: /proc/self/status; mkdir /made']);
    assert.equal(refused.stdout, 'Seccomp:\t2\n');
    assert.match(refused.stderr, /No space left on device/);
    // 128 + SIGSYS
    assert.equal((await warren([...line, 'sync'])).code, 159);
  } finally {
    rmSync(file);
  }
});

test('a profile holds for the library as well, and a wrong name in it is refused', async () => {
  const profile = (name: string): object => ({
    defaultAction: 'SCMP_ACT_ALLOW',
    syscalls: [{ names: [name], action: 'SCMP_ACT_ERRNO', errnoRet: 1 }],
  });
  const refused = await run(['chmod', '0', '/tmp'], {
    rootfs,
    seccomp: {
      defaultAction: 'SCMP_ACT_ALLOW',
      syscalls: [{ names: ['chmod', 'fchmodat', 'fchmodat2'], action: 'SCMP_ACT_ERRNO', errnoRet: 1 }],
    },
    rejectOnFailure: false,
  });
  assert.match(refused.stderr, /not permitted/);
  await assert.rejects(
    run(['true'], { rootfs, seccomp: { ...profile('mkdir'), defaultAction: 'SCMP_ACT_PERHAPS' } }),
    { kind: 'invalid-argument' },
  );
});

test('masked paths are empty and cannot be written, unless system paths are unconfined', async () => {
  await using container = await hold({ rootfs });
  const within = (path: string): string => `/proc/${container.pid}/root${path}`;
  assert.equal(readFileSync(within('/proc/timer_list'), 'utf8'), '');
  const refused = await run(['sh', '-c', 'echo 1 > /proc/irq/default_smp_affinity'], {
    rootfs,
    rejectOnFailure: false,
  });
  assert.match(refused.stderr, /Read-only file system|nonexistent/);
  const mounts = linesOf(await sh('cut -d" " -f2 /proc/mounts', { rootfs, systemPathsUnconfined: true }));
  assert.deepEqual(
    mounts.filter((path) => path.startsWith('/proc/')),
    [],
  );
});
