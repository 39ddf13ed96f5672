import assert from 'node:assert/strict';
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, describe, test } from 'node:test';
import type { ContainerConfig } from '../plan/config.js';
import { configure } from './configure.js';
import { configureEnvironment, execPaths } from './configure-root.js';
import { readHost, type Host } from './host.js';
import type { ContainerOptions } from './options.js';

const root: Host = { ...readHost(), uid: 0, gid: 0, bounding: 0x1ff_ffff_ffffn, permitted: 0x1ff_ffff_ffffn };
const person: Host = { ...root, uid: 1000, gid: 1000, bounding: root.bounding, permitted: 0n };

const rootfs = mkdtempSync(join(tmpdir(), 'warren-configure-'));
after(() => {
  rmSync(rootfs, { recursive: true });
});
mkdirSync(join(rootfs, 'etc'));
writeFileSync(
  join(rootfs, 'etc/passwd'),
  'root:x:0:0::/root:/bin/sh\nguest:x:1000:1000::/home/guest:/bin/sh\n',
);
writeFileSync(join(rootfs, 'etc/group'), 'root:x:0:\nguest:x:1000:\n');

async function configOf(
  options: ContainerOptions = {},
  host = root,
  argv = ['true'],
): Promise<ContainerConfig> {
  return (await configure(argv, { rootfs, ...options }, host)).config;
}

const refused = async (options: ContainerOptions, code: string, host = root): Promise<void> =>
  assert.rejects(configOf(options, host), { code });

describe('configure()', () => {
  test('gives every container an id of its own, and its beginning as the host name', async () => {
    const [one, two] = [await configOf(), await configOf()];
    assert.match(one.id, /^[0-9a-f]{64}$/);
    assert.notEqual(one.id, two.id);
    assert.equal(one.hostname, one.id.slice(0, 12));
    assert.ok(one.env.includes(`HOSTNAME=${one.hostname}`));
  });

  test('refuses no command, an empty one, and a NUL in an argument', async () => {
    for (const argv of [[], [''], ['echo', 'a\0b']]) {
      await assert.rejects(configOf({}, root, argv), { code: 'ERR_COMMAND' });
    }
  });

  test('has docker’s defaults', async () => {
    const config = await configOf();
    assert.equal(config.cwd, '/');
    assert.equal(config.umask, 0o022);
    assert.equal(config.shmBytes, 64 * 1024 * 1024);
    assert.equal(config.noNewPrivileges, false);
    assert.equal(config.readOnlyRoot, false);
    assert.equal(config.capabilities.bounding, 0xa804_25fbn);
    assert.equal(config.capabilities.inheritable, 0n);
    assert.ok(config.readOnlyPaths.includes('/proc/sys'));
    assert.ok(config.maskedPaths.includes('/proc/kcore'));
    assert.ok(config.seccomp && config.seccomp.program.length % 8 === 0);
    const nofile = config.rlimits.find(({ name }) => name === 'nofile');
    assert.deepEqual([nofile?.soft, nofile?.hard], [1024n, root.nofileHard]);
  });

  test('gives a privileged container what there is: all capabilities, nothing masked, no filter', async () => {
    const config = await configOf({ privileged: true });
    assert.equal(config.capabilities.bounding, root.bounding);
    assert.deepEqual([config.maskedPaths, config.readOnlyPaths], [[], []]);
    assert.equal(config.seccomp, undefined);
    assert.equal(config.writableSystem, true);
    assert.ok((await configOf({ privileged: true, seccomp: 'default' })).seccomp, 'asked for by name');
  });

  test('unmasks /proc and /sys on request, and leaves the rest as it is', async () => {
    const config = await configOf({ systemPathsUnconfined: true });
    assert.deepEqual([config.maskedPaths, config.readOnlyPaths], [[], []]);
    assert.equal(config.writableSystem, false);
  });

  test('refuses a capability that the caller lacks, by name', async () => {
    const poor = { ...root, bounding: 0xa804_25fbn, permitted: 0xa804_25fbn };
    await assert.rejects(configOf({ caps: { add: ['SYS_ADMIN'] } }, poor), {
      code: 'ERR_CAPABILITY_UNAVAILABLE',
      kind: 'permission-denied',
      message: /SYS_ADMIN/i,
    });
    await refused({ caps: { add: ['NO_SUCH'] } }, 'ERR_CAPABILITY_UNKNOWN');
  });

  test('gives privileged only what the caller has, and does not fail for the rest', async () => {
    const poor = { ...root, bounding: 0xffn, permitted: 0xffn };
    assert.equal((await configOf({ privileged: true }, poor)).capabilities.bounding, 0xffn);
  });

  test('refuses bad roots', async () => {
    await refused({ rootfs: join(rootfs, 'missing') }, 'ERR_ROOTFS');
    await refused({ rootfs: join(rootfs, 'etc/passwd') }, 'ERR_ROOTFS');
    await assert.rejects(configure(['true'], { rw: true }, root), { code: 'ERR_ROOTFS' });
  });

  test('takes a directory copy-on-write, and as it is with rw', async () => {
    const layered = (await configOf()).root;
    assert.ok(layered.kind === 'layers' && layered.layers[0]?.lower === rootfs);
    assert.deepEqual(
      layered.layers[0].files.map(({ path }) => path),
      ['etc/hostname', 'etc/hosts', 'etc/resolv.conf'],
    );
    assert.deepEqual((await configOf({ rw: true })).root, { kind: 'directory', path: rootfs });
  });

  test('refuses numbers out of range, a relative working directory, and bad names', async () => {
    await refused({ umask: 0o1000 }, 'ERR_RANGE');
    await refused({ oomScoreAdj: 1001 }, 'ERR_RANGE');
    await refused({ workdir: 'work' }, 'ERR_WORKDIR');
    await refused({ workdir: '/a\0b' }, 'ERR_WORKDIR');
    await refused({ hostname: 'under_score' }, 'ERR_HOSTNAME');
    await refused({ shmSize: '12x' }, 'ERR_SIZE');
    await refused({ env: { 'A=B': '' } }, 'ERR_ENV');
    await refused({ env: { A: 'x\0' } }, 'ERR_ENV');
  });

  test('looks the user up in the container’s files, and takes the home from there', async () => {
    const config = await configOf({ user: 'guest' });
    assert.deepEqual([config.user.uid, config.user.gid], [1000, 1000]);
    assert.ok(config.env.includes('HOME=/home/guest'));
    await refused({ user: 'nobody-such' }, 'ERR_USER_UNKNOWN');
  });

  describe('namespaces', () => {
    test('are new for root, but for the user’s and the clocks’', async () => {
      const { namespaces } = await configOf();
      const fresh = Object.entries(namespaces).flatMap(([kind, { from }]) => (from === 'new' ? [kind] : []));
      assert.deepEqual(fresh.sort(), ['cgroup', 'ipc', 'mnt', 'net', 'pid', 'uts']);
    });

    test('that are named by a path to our own are the host’s: there is nothing to enter', async () => {
      const { namespaces } = await configOf({ network: 'ns:/proc/self/ns/net', ipc: `pid:${process.pid}` });
      assert.deepEqual([namespaces.net.from, namespaces.ipc.from], ['host', 'host']);
    });

    test('that do not exist are refused', async () => {
      await refused({ network: 'ns:/run/netns/no-such-namespace' }, 'ERR_NAMESPACE_NOT_FOUND');
      await refused({ pid: 'public' as never }, 'ERR_NAMESPACE_SPEC');
    });

    test('of the host keep the host’s name, and refuse another', async () => {
      const config = await configOf({ uts: 'host' });
      assert.equal(config.hostname, undefined);
      await refused({ uts: 'host', hostname: 'box' }, 'ERR_HOSTNAME');
      await refused({ uts: 'host', domainname: 'example.org' }, 'ERR_HOSTNAME');
    });

    test('of time come with an offset, and cannot be the host’s then', async () => {
      const config = await configOf({ boottimeOffsetSec: 60 });
      assert.equal(config.namespaces.time.from, 'new');
      assert.deepEqual(config.timeOffsets, { boottimeSec: 60, monotonicSec: 0 });
      await refused({ boottimeOffsetSec: 60, timens: 'host' }, 'ERR_TIME_OFFSET');
      await refused({ boottimeOffsetSec: 0.5 }, 'ERR_RANGE');
    });
  });

  describe('ids', () => {
    test('are mapped on request, and for groups as for users', async () => {
      const { idMap, namespaces } = await configOf({ uidMap: ['0:100000:65536'] });
      assert.equal(namespaces.user.from, 'new');
      assert.deepEqual(idMap?.uid, [{ inside: 0, outside: 100_000, length: 65_536 }]);
      assert.deepEqual(idMap.gid, idMap.uid);
      assert.equal(idMap.denySetgroups, false);
    });

    test('of an ordinary user are one: the own id becomes 0', async () => {
      const { idMap, namespaces } = await configOf({}, person);
      assert.equal(namespaces.user.from, 'new');
      assert.deepEqual(idMap, {
        uid: [{ inside: 0, outside: 1000, length: 1 }],
        gid: [{ inside: 0, outside: 1000, length: 1 }],
        denySetgroups: true,
      });
      await refused({ uidMap: ['0:100000:65536'] }, 'ERR_IDMAP_DENIED', person);
    });

    test('are refused without a 0, in a namespace that is not new, and for a user they do not cover', async () => {
      await refused({ uidMap: ['1:100000:10'] }, 'ERR_IDMAP');
      await refused({ uidMap: ['0:100000:10'], userns: 'host' }, 'ERR_IDMAP');
      await refused({ userns: 'private' }, 'ERR_IDMAP');
      await refused({ uidMap: ['0:100000:10'], user: 'guest' }, 'ERR_USER_UNMAPPED');
    });
  });
});

test('configureEnvironment() inherits nothing, and lets what is asked for win', () => {
  const user = { uid: 0, gid: 0, additionalGids: [], home: '/root' };
  const env = configureEnvironment({ env: { PATH: '/opt', A: '' }, tty: true }, user, 'box');
  assert.deepEqual(
    [...env],
    [
      ['PATH', '/opt'],
      ['HOSTNAME', 'box'],
      ['TERM', 'xterm'],
      ['A', ''],
      ['HOME', '/root'],
    ],
  );
});

test('execPaths() looks along PATH as execvp(3): an empty entry is the working directory', () => {
  assert.deepEqual(execPaths('/bin/sh', '/usr/bin'), ['/bin/sh']);
  assert.deepEqual(execPaths('./run', '/usr/bin'), ['./run']);
  assert.deepEqual(execPaths('sh', '/usr/bin/::/bin'), ['/usr/bin/sh', './sh', '/bin/sh']);
});
