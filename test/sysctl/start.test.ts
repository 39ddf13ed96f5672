import assert from 'node:assert/strict';
import { existsSync, readFileSync, writeFileSync } from 'node:fs';
import { after, test } from 'node:test';
import { WarrenError, plan, run, type ContainerOptions } from '../../src/index.js';
import { warren } from '../support/cli.js';
import { linesOf, sh } from '../support/container.js';
import { assertFakeHost } from '../support/fake-host.js';
import { leavesNothing } from '../support/leaks.js';
import { oracle } from '../support/oracle.js';
import { busyboxRootfs } from '../support/rootfs.js';

assertFakeHost();

const root = busyboxRootfs();
after(() => root[Symbol.dispose]());
const rootfs = root.path;

const read = (key: string): string => readFileSync(`/proc/sys/${key}`, 'utf8').trim();

/** Sets parameters of this fake host for as long as the body runs. */
async function withHostValues(
  values: Readonly<Record<string, string>>,
  body: () => Promise<void>,
): Promise<void> {
  const before = Object.keys(values).map((key) => [key, read(key)] as const);
  try {
    for (const [key, value] of Object.entries(values)) writeFileSync(`/proc/sys/${key}`, value);
    await body();
  } finally {
    for (const [key, value] of before) writeFileSync(`/proc/sys/${key}`, value);
  }
}

const keepalive = {
  'net/ipv4/tcp_keepalive_time': '600',
  'net/ipv4/tcp_keepalive_intvl': '10',
  'net/ipv4/tcp_keepalive_probes': '6',
};
const show =
  'cd /proc/sys/net; cat ipv4/tcp_keepalive_time ipv4/tcp_keepalive_intvl ipv4/tcp_keepalive_probes core/somaxconn';

test('inheritSysctls gives a container what the host has, where a new namespace would reset it', async () => {
  await withHostValues({ ...keepalive, 'net/core/somaxconn': '512' }, async () => {
    assert.deepEqual(linesOf(await sh(show, { rootfs })), ['7200', '75', '9', '4096']);
    assert.deepEqual(linesOf(await sh(show, { rootfs, inheritSysctls: true })), ['600', '10', '6', '512']);
  });
});

test('inheritSysctls takes what its pattern covers only, and what is asked for wins', async () => {
  await withHostValues({ ...keepalive, 'net/core/somaxconn': '512' }, async () => {
    const options: ContainerOptions = {
      rootfs,
      inheritSysctls: 'net.ipv4.tcp_keepalive_*',
      sysctls: { 'net.ipv4.tcp_keepalive_probes': 4 },
    };
    assert.deepEqual(linesOf(await sh(show, options)), ['600', '10', '4', '4096']);
  });
});

test('the plan shows each inherited parameter', async () => {
  await withHostValues({ 'net/ipv4/tcp_keepalive_time': '600' }, async () => {
    const { steps } = await plan(['true'], { rootfs, inheritSysctls: 'net.ipv4.tcp_keepalive_*' });
    const written = steps.flatMap((step) => (step.op === 'sysctl' ? [`${step.path}=${step.value}`] : []));
    assert.ok(written.includes('net/ipv4/tcp_keepalive_time=600'), written.join());
    assert.ok(!written.some((text) => text.includes('tcp_keepalive_intvl')));
  });
});

test('conf.all is written before conf.default, which it would write over', async () => {
  const values = { 'net/ipv4/conf/all/arp_announce': '1', 'net/ipv4/conf/default/arp_announce': '2' };
  await withHostValues(values, async () => {
    const script = 'cd /proc/sys/net/ipv4/conf; cat all/arp_announce default/arp_announce';
    assert.deepEqual(linesOf(await sh(script, { rootfs, inheritSysctls: 'net.ipv4.conf.*' })), ['1', '2']);
  });
});

test('inheritSysctls never copies the host’s secrets, and nothing into a namespace that is shared', async () => {
  await withHostValues(
    { 'net/ipv4/tcp_fastopen_key': '01234567-89abcdef-01234567-89abcdef', 'net/core/somaxconn': '512' },
    async () => {
      const { steps } = await plan(['true'], { rootfs, inheritSysctls: true });
      const written = steps.flatMap((step) => (step.op === 'sysctl' ? [step.path] : []));
      assert.ok(written.includes('net/core/somaxconn'));
      assert.ok(!written.includes('net/ipv4/tcp_fastopen_key'));
      const shared = await plan(['true'], { rootfs, network: 'host', inheritSysctls: true });
      assert.ok(!shared.steps.some((step) => step.op === 'sysctl' && step.path.startsWith('net/')));
    },
  );
});

test('inheritSysctls obeys the policy: what Kubernetes calls unsafe is left out', async () => {
  await withHostValues({ ...keepalive, 'net/core/somaxconn': '512' }, async () => {
    const options: ContainerOptions = { rootfs, inheritSysctls: true, sysctlPolicy: 'k8s-safe' };
    assert.deepEqual(linesOf(await sh(show, options)), ['600', '10', '6', '4096']);
  });
});

test('checkSysctls finds a refused value before anything exists, of the network and of IPC', async () => {
  await leavesNothing(async () => {
    for (const sysctls of [
      { 'net.ipv4.tcp_keepalive_time': 'soon' },
      { 'net.ipv4.ip_local_port_range': '9 1' },
      { 'kernel.msgmax': '-1' },
    ]) {
      await assert.rejects(run(['/no-such-program'], { rootfs, sysctls, checkSysctls: true }), {
        code: 'ERR_SYSCTL_VALUE',
        errno: 'EINVAL',
      });
    }
  });
  await assert.rejects(
    run(['/no-such-program'], {
      rootfs,
      sysctls: { 'net.ipv4.tcp_congestion_control': 'no-such-one' },
      checkSysctls: true,
    }),
    { code: 'ERR_SYSCTL_VALUE', errno: 'ENOENT' },
  );
  const sysctls = {
    'net.ipv4.tcp_keepalive_time': 600,
    'kernel.msgmax': 5000,
    'net.ipv4.conf.lo.rp_filter': 2,
  };
  const script = 'cat /proc/sys/net/ipv4/tcp_keepalive_time /proc/sys/kernel/msgmax';
  assert.deepEqual(linesOf(await sh(script, { rootfs, sysctls, checkSysctls: true })), ['600', '5000']);
});

test('on the command line: --inherit-sysctls, --check and --sysctl-policy', async () => {
  const cat = ['--rootfs', rootfs, '--', 'cat', '/proc/sys/net/ipv4/tcp_keepalive_time'];
  await withHostValues(keepalive, async () => {
    const { stdout, stderr } = await warren(['run', '--inherit-sysctls', ...cat]);
    assert.equal(stdout, '600\n', stderr);
  });
  const checked = await warren(['run', '--check', '--sysctl', 'net.ipv4.tcp_keepalive_time=soon', ...cat]);
  assert.deepEqual([checked.code, checked.stdout], [125, '']);
  assert.match(checked.stderr, /throw-away namespace/);
  const policy = await warren([
    'run',
    '--sysctl-policy',
    'k8s-safe',
    '--sysctl',
    'net.core.somaxconn=9',
    ...cat,
  ]);
  assert.equal(policy.code, 125);
});

test('what is refused at the start says why in short, and where to ask for more', async () => {
  for (const [key, pattern] of [
    ['net.core.rmem_max', /read-only.*only the first namespace may move/s],
    ['net.core.netdev_max_backlog', /does not exist.*belongs to the CPUs/s],
    ['net.netfilter.nf_conntrack_max', /read-only.*one for the machine/s],
  ] as const) {
    if (!existsSync(`/proc/sys/${key.replaceAll('.', '/')}`) && key !== 'net.core.netdev_max_backlog')
      continue;
    const { code, stderr } = await warren(['run', '--rootfs', rootfs, '--sysctl', `${key}=1`, '--', 'true']);
    assert.equal(code, 125);
    assert.match(stderr, pattern);
    assert.match(stderr, /warren sysctl why/);
  }
});

test('a parameter of the user namespace is refused with what gives one, which is no --user host', async () => {
  const { code, stderr } = await warren([
    'run',
    '--rootfs',
    rootfs,
    '--sysctl',
    'user.max_net_namespaces=9',
    '--',
    'true',
  ]);
  assert.equal(code, 125);
  assert.match(stderr, /--uidmap/);
});

const mapped = { uidMap: ['0:100000:65536'] };

test('names are refused where an option writes over them, or root of a user namespace may not write them', async () => {
  const refusal = async (options: ContainerOptions, why: RegExp): Promise<void> =>
    leavesNothing(async () => {
      await assert.rejects(run(['/no-such-program'], { rootfs, ...options }), (error) => {
        assert.ok(error instanceof WarrenError);
        assert.equal(error.code, 'ERR_SYSCTL_UNAVAILABLE');
        assert.match(`${error.message} ${error.fix ?? ''}`, why);
        return true;
      });
    });
  await refusal({ sysctls: { 'kernel.hostname': 'x' } }, /--hostname/);
  await refusal({ sysctls: { 'kernel.domainname': 'x' }, domainname: 'y' }, /--domainname/);
  await refusal({ ...mapped, sysctls: { 'kernel.domainname': 'x' } }, /--domainname/);
  const script = 'cat /proc/sys/kernel/domainname';
  assert.equal(await sh(script, { rootfs, sysctls: { 'kernel.domainname': 'by-sysctl' } }), 'by-sysctl');
  assert.equal(await sh(script, { rootfs, ...mapped, domainname: 'by-option' }), 'by-option');
});

test('in a user namespace of its own a container sets IPC and user parameters, and the host keeps its', async () => {
  const sysctls = { 'kernel.msgmax': 5000, 'fs.mqueue.msg_max': 7, 'user.max_net_namespaces': 3 };
  const paths = Object.keys(sysctls).map((key) => key.replaceAll('.', '/'));
  const host = paths.map(read);
  const script = paths.map((path) => `cat /proc/sys/${path}`).join(';');
  for (const checkSysctls of [false, true])
    assert.deepEqual(linesOf(await sh(script, { rootfs, ...mapped, sysctls, checkSysctls })), [
      '5000',
      '7',
      '3',
    ]);
  assert.deepEqual(paths.map(read), host);
  await assert.rejects(run(['true'], { rootfs, sysctls: { 'user.max_net_namespaces': 3 } }), {
    code: 'ERR_SYSCTL_NOT_ISOLATED',
  });
});

test('inheritSysctls copies IPC values too, also into a container with a user namespace of its own', () => {
  // An IPC namespace of this test's own, so that the host's is left alone.
  const script = `
    import { writeFileSync } from 'node:fs';
    writeFileSync('/proc/sys/kernel/msgmax', '6001');
    const { plan } = await import(${JSON.stringify(new URL('../../src/index.js', import.meta.url).href)});
    for (const uidMap of [undefined, ['0:100000:65536']]) {
      const { steps } = await plan(['true'], { rootfs: ${JSON.stringify(rootfs)}, inheritSysctls: 'kernel.*', ...(uidMap ? { uidMap } : {}) });
      console.log(steps.filter((step) => step.op === 'sysctl' && step.path.startsWith('kernel/')).map((step) => step.path + '=' + step.value).join());
    }`;
  const { stdout } = oracle('unshare', ['--ipc', process.execPath, '--input-type=module', '-e', script]);
  assert.deepEqual(linesOf(stdout), ['kernel/msgmax=6001', 'kernel/msgmax=6001']);
});

test('checkSysctls finds a value with too few numbers, of which the kernel would keep the others', async () => {
  const short = { 'net.ipv4.tcp_rmem': '4096' };
  await assert.rejects(run(['true'], { rootfs, sysctls: short, checkSysctls: true }), {
    code: 'ERR_SYSCTL_VALUE',
    message: /3 numbers/,
  });
});
