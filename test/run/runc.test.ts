/** The same command under runc, with a configuration that asks for the same: what is seen inside must not differ. */
import assert from 'node:assert/strict';
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, test } from 'node:test';
import { run, type RunOptions } from '../../src/index.js';
import { linesOf } from '../support/container.js';
import { assertFakeHost, namespaceOf } from '../support/fake-host.js';
import { oracle } from '../support/oracle.js';
import { busyboxRootfs } from '../support/rootfs.js';

assertFakeHost();

const root = busyboxRootfs();
after(() => root[Symbol.dispose]());
const rootfs = root.path;

/** docker's lists, which it puts into the configuration that it gives to runc. */
const maskedPaths = [
  ...['/proc/acpi', '/proc/asound', '/proc/interrupts', '/proc/kcore', '/proc/keys', '/proc/latency_stats'],
  ...['/proc/sched_debug', '/proc/scsi', '/proc/timer_list', '/proc/timer_stats'],
  ...['/sys/devices/virtual/powercap', '/sys/firmware'],
];
const readonlyPaths = ['/proc/bus', '/proc/fs', '/proc/irq', '/proc/sys', '/proc/sysrq-trigger'];

const defaultCapabilities = [
  ...[
    'CHOWN',
    'DAC_OVERRIDE',
    'FSETID',
    'FOWNER',
    'MKNOD',
    'NET_RAW',
    'SETGID',
    'SETUID',
    'SETFCAP',
    'SETPCAP',
  ],
  ...['NET_BIND_SERVICE', 'SYS_CHROOT', 'KILL', 'AUDIT_WRITE'],
].map((name) => `CAP_${name}`);

interface Asked {
  readonly capabilities?: readonly string[];
  readonly uid?: number;
  readonly gid?: number;
  readonly noNewPrivileges?: boolean;
  readonly rlimits?: readonly { type: string; soft: number; hard: number }[];
  readonly sysctl?: Readonly<Record<string, string>>;
}

function ociConfig(script: string, asked: Asked): object {
  const { capabilities = defaultCapabilities, uid = 0, gid = 0 } = asked;
  const mount = (destination: string, type: string, ...options: string[]): object => ({
    destination,
    type,
    source: type,
    options: ['nosuid', ...options],
  });
  return {
    ociVersion: '1.0.2',
    root: { path: rootfs, readonly: false },
    hostname: 'blue',
    process: {
      terminal: false,
      args: ['sh', '-c', script],
      cwd: '/',
      env: ['PATH=/bin'],
      user: { uid, gid },
      capabilities: { bounding: capabilities, effective: capabilities, permitted: capabilities },
      noNewPrivileges: asked.noNewPrivileges ?? false,
      rlimits: asked.rlimits ?? [],
    },
    mounts: [
      mount('/proc', 'proc', 'noexec', 'nodev'),
      mount('/dev', 'tmpfs', 'strictatime', 'mode=755', 'size=65536k'),
      mount('/dev/pts', 'devpts', 'noexec', 'newinstance', 'ptmxmode=0666', 'mode=0620', 'gid=5'),
      mount('/dev/shm', 'tmpfs', 'noexec', 'nodev', 'mode=1777', 'size=65536k'),
      mount('/dev/mqueue', 'mqueue', 'noexec', 'nodev'),
      mount('/sys', 'sysfs', 'noexec', 'nodev', 'ro'),
    ],
    linux: {
      cgroupsPath: `/oci-test-${process.pid}`,
      sysctl: asked.sysctl ?? {},
      namespaces: ['mount', 'pid', 'network', 'ipc', 'uts', 'cgroup'].map((type) => ({ type })),
      maskedPaths,
      readonlyPaths,
    },
  };
}

/** What the script prints under runc. */
function underRunc(script: string, asked: Asked = {}): string {
  const bundle = mkdtempSync(join(tmpdir(), 'warren-runc-'));
  try {
    writeFileSync(join(bundle, 'config.json'), JSON.stringify(ociConfig(script, asked)));
    mkdirSync(join(bundle, 'state'));
    const id = `warren-${process.pid}`;
    return oracle('runc', ['--root', join(bundle, 'state'), 'run', '--bundle', bundle, id]).stdout.trimEnd();
  } finally {
    rmSync(bundle, { recursive: true });
  }
}

async function underWarren(script: string, options: RunOptions = {}): Promise<string> {
  // runc is asked for no filter: Debian's would need one written for it.
  const { stdout } = await run(['sh', '-c', script], {
    rootfs,
    hostname: 'blue',
    seccomp: 'unconfined',
    ...options,
  });
  return stdout.trimEnd();
}

const privilege = 'grep -E "^(Cap|NoNewPrivs|Seccomp:|Uid|Gid|Groups)" /proc/self/status';

const privileges: readonly (readonly [title: string, options: RunOptions, asked: Asked])[] = [
  ['the default', {}, {}],
  [
    'an addition',
    { caps: { add: ['NET_ADMIN'] } },
    { capabilities: [...defaultCapabilities, 'CAP_NET_ADMIN'] },
  ],
  [
    'a removal',
    { caps: { drop: ['CHOWN'] } },
    { capabilities: defaultCapabilities.filter((name) => name !== 'CAP_CHOWN') },
  ],
  ['none', { caps: { drop: ['ALL'] } }, { capabilities: [] }],
  ['another user', { user: '1000:1000' }, { uid: 1000, gid: 1000 }],
  ['no new privileges', { noNewPrivileges: true }, { noNewPrivileges: true }],
];

for (const [title, options, asked] of privileges) {
  test(`MISSION 4.3: capability sets and ids are those under runc: ${title}`, async () => {
    const lines = (text: string): string[] =>
      linesOf(text)
        // Neither adds groups; whether the primary one is among them, docker decides (it is, since CVE-2022-36109).
        .filter((line) => !line.startsWith('Groups'))
        .map((line) => line.trim());
    const seen = lines(await underWarren(privilege, options));
    assert.equal(seen.length, 9);
    assert.deepEqual(seen, lines(underRunc(privilege, asked)));
  });
}

test('the namespaces that are new are those under runc', async () => {
  const script = 'for kind in cgroup ipc mnt net pid time user uts; do readlink /proc/self/ns/$kind; done';
  const fresh = (text: string): string[] =>
    linesOf(text)
      .filter((id) => id !== namespaceOf(id.slice(0, id.indexOf(':'))))
      .map((id) => id.slice(0, id.indexOf(':')));
  const seen = fresh(await underWarren(script));
  assert.deepEqual(seen, ['cgroup', 'ipc', 'mnt', 'net', 'pid', 'uts']);
  assert.deepEqual(seen, fresh(underRunc(script)));
});

test('MISSION 1.3: masked and read-only paths look as under runc', async () => {
  const script = `
    for path in ${[...maskedPaths, ...readonlyPaths].join(' ')}; do
      if [ -d $path ]; then
        echo "$path directory $(ls -A $path | wc -l) $(touch $path/new 2>&1 | sed 's/.*: //')"
      elif [ -e $path ]; then
        echo "$path $(stat -c %F:%t:%T $path) $(head -c 64 $path 2>&1 | wc -c)"
      else
        echo "$path absent"
      fi
    done
    grep -E ' /(proc|sys)[/ ]' /proc/mounts | grep -v cgroup | while read -r source target type flags rest; do
      echo "$target $type \${flags%%,*}"
    done | sort`;
  const seen = linesOf(await underWarren(script));
  assert.ok(seen.length > maskedPaths.length + readonlyPaths.length, seen.join('\n'));
  assert.deepEqual(seen, linesOf(underRunc(script)));
});

test('resource limits are those under runc', async () => {
  const rlimits = [
    { type: 'RLIMIT_NOFILE', soft: 512, hard: 1024 },
    { type: 'RLIMIT_CORE', soft: 0, hard: 0 },
    { type: 'RLIMIT_NPROC', soft: 1000, hard: 2000 },
    { type: 'RLIMIT_STACK', soft: 1_048_576, hard: 8_388_608 },
    { type: 'RLIMIT_CPU', soft: 100, hard: 200 },
  ];
  const ulimits = rlimits.map(({ type, soft, hard }) => `${type.slice(7).toLowerCase()}=${soft}:${hard}`);
  const script = 'cat /proc/self/limits';
  assert.equal(await underWarren(script, { ulimits }), underRunc(script, { rlimits }));
});

test('devices, umask, signals and descriptors are those under runc', async () => {
  const script = `
    cd /dev; stat -c '%n %F %a %t:%T %u:%g' null zero full random urandom tty; ls -d fd stdin stdout stderr ptmx pts shm mqueue
    readlink fd stdin stdout stderr ptmx; umask; grep -E '^Sig(Blk|Ign|Cgt)' /proc/self/status; ls /proc/self/fd | head -n 3
    grep -E ' /dev(/[a-z]+)? ' /proc/mounts | while read -r source target type flags rest; do
      echo "$target $type"; echo "$flags" | tr , '\\n' | grep -E '^(ro|rw|nosuid|nodev|noexec|mode=.*|ptmxmode=.*|gid=.*|size=.*)$' | sort
    done`;
  const seen = await underWarren(script);
  assert.ok(seen.includes('/dev/pts devpts'));
  assert.equal(seen, underRunc(script));
});

test('MISSION 1.4: parameters at the start are what runc makes of linux.sysctl', async () => {
  const sysctl = {
    'net.ipv4.tcp_keepalive_time': '600',
    'kernel.msgmax': '4096',
    'net.core.somaxconn': '777',
  };
  // runc sets none of its own accord; docker tells it these two.
  const asked = {
    ...sysctl,
    'net.ipv4.ip_unprivileged_port_start': '0',
    'net.ipv4.ping_group_range': '0 2147483647',
  };
  const script = 'cd /proc/sys; head -n 1 $(find net kernel/msg* -type f | sort) 2>/dev/null; :';
  const stable = (text: string): string =>
    text.replace(/(?<=netdev_rss_key <==\n|fastopen_key <==\n).*/g, '');
  const seen = await underWarren(script, { sysctls: sysctl });
  assert.ok(seen.includes('\n600\n') && seen.includes('\n777\n'));
  assert.equal(stable(seen), stable(underRunc(script, { sysctl: asked })));
});
