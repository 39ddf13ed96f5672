import assert from 'node:assert/strict';
import { readFileSync, readdirSync, readlinkSync } from 'node:fs';
import { createServer, connect } from 'node:net';
import { createSocket } from 'node:dgram';
import { once } from 'node:events';
import { describe, test } from 'node:test';
import { assertFakeHost } from '../support/fake-host.js';
import { oracle } from '../support/oracle.js';
import { busyboxRootfs } from '../support/rootfs.js';
import { waitFor, waitForExit } from '../support/wait.js';
import { HOST, OUTSIDE, outside } from './outside.js';
import { rangedUser } from './support.js';

assertFakeHost();

const ask = `timeout 5 bash -c 'cat < /dev/tcp/${OUTSIDE}/80'`;
const asked = `you are ${HOST}\n`;
/** Answers every TCP connection to port 80, and every datagram to 5353, with a line. */
const server = `
import socket, sys, threading
def datagrams():
    there = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
    there.bind(('0.0.0.0', 5353))
    while True: there.sendto(b'datagram', there.recvfrom(100)[1])
threading.Thread(target=datagrams, daemon=True).start()
here = socket.create_server(('0.0.0.0', 80))
while True:
    one = here.accept()[0]
    one.recv(100)
    one.sendall(sys.argv[1].encode() + b'\\n')
    one.close()
`;
const serve = (text: string): string => `exec /usr/bin/python3 -c "${server}" ${text}`;

/** What a TCP connection gives, to its end. It speaks first: Debian 12's pasta lets no server do so. */
async function fetchFrom(port: number, host = '127.0.0.1'): Promise<string> {
  const socket = connect({ port, host });
  let text = '';
  socket.setEncoding('utf8').on('data', (part: string) => (text += part));
  socket.write('?');
  socket.setTimeout(5000, () => socket.destroy());
  await once(socket, 'close');
  return text;
}

/** The processes of a program, in this fake host. */
function processesOf(program: string): number[] {
  return readdirSync('/proc')
    .filter((name) => /^\d+$/.test(name))
    .filter((pid) => {
      try {
        return new RegExp(`/${program}(\\.avx2)?$`).test(readlinkSync(`/proc/${pid}/exe`));
      } catch {
        return false;
      }
    })
    .map(Number);
}

const programs = [
  ['pasta', 'passt', '169.254.1.1'],
  ['slirp4netns', 'slirp4netns', '10.0.2.3'],
] as const;

for (const [program, executable, resolver] of programs) {
  describe(`an ordinary user’s container, connected by ${program}`, () => {
    test('reaches the outside, by name too, and nothing of it is left', async () => {
      using user = rangedUser();
      await using beyond = await outside();
      assert.ok(beyond.path);
      const script = `${ask}; getent ahostsv4 web.example.test | head -1; cat /etc/resolv.conf; cat /proc/net/dev`;
      const { code, stdout, stderr } = await user.warren([
        'run',
        '--network',
        program,
        '--',
        'sh',
        '-c',
        script,
      ]);
      assert.deepEqual([code, stderr], [0, '']);
      assert.ok(stdout.startsWith(asked), stdout);
      assert.match(stdout, new RegExp(`^${OUTSIDE}\\s+STREAM`, 'm'));
      assert.match(stdout, new RegExp(`^nameserver ${resolver}\nsearch example.test$`, 'm'));
      assert.match(stdout, /^\s*eth0:/m);
      assert.deepEqual(processesOf(executable), []);
    });

    test('does not reach what listens on the host’s loopback only', async () => {
      using user = rangedUser();
      await using beyond = await outside();
      assert.ok(beyond.path);
      const listener = createServer((socket) => socket.end('secret\n')).listen(7777, '127.0.0.1');
      await once(listener, 'listening');
      const reach = ['127.0.0.1', OUTSIDE, HOST, '10.0.2.2']
        .map((address) => `timeout 2 bash -c 'cat < /dev/tcp/${address}/7777' 2>/dev/null`)
        .join('; ');
      const { stdout } = await user.warren([
        'run',
        '--network',
        program,
        '--',
        'sh',
        '-c',
        `${reach}; echo end`,
      ]);
      listener.close();
      assert.equal(stdout, 'end\n');
    });

    test('publishes TCP and UDP ports: on all addresses, on one, and on a free one', async () => {
      using user = rangedUser();
      await using beyond = await outside();
      assert.ok(beyond.path);
      const made = await user.warren([
        ...['run', '-d', '--name', 'web', '--network', program, '-p', '8080:80', '-p', '127.0.0.1:8081:80'],
        ...['-p', '80', '-p', '5353:5353/udp', '--', 'sh', '-c'],
        serve('hello'),
      ]);
      assert.equal(made.code, 0, made.stderr);
      const { stdout: shown } = await user.warren(['port', 'web', '80']);
      const free = Number(/:(\d+)\n$/.exec(shown)?.[1]);
      assert.equal(shown, `80/tcp -> 0.0.0.0:8080\n80/tcp -> 127.0.0.1:8081\n80/tcp -> 0.0.0.0:${free}\n`);
      // The container's server may still be starting.
      const got = await waitFor(
        'an answer',
        async () => (await fetchFrom(8080).catch(() => '')) || undefined,
      );
      assert.deepEqual(
        [got, await fetchFrom(8081), await fetchFrom(free, HOST)],
        ['hello\n', 'hello\n', 'hello\n'],
      );
      await assert.rejects(fetchFrom(8081, HOST), { code: 'ECONNREFUSED' });
      const socket = createSocket('udp4');
      const datagram = once(socket, 'message', { signal: AbortSignal.timeout(10_000) });
      const timer = setInterval(() => socket.send('?', 5353, HOST), 200);
      const [reply] = (await datagram) as [Buffer];
      clearInterval(timer);
      socket.close();
      assert.equal(reply.toString(), 'datagram');
      const listed = await user.warren(['ps', '--format', '{{.Ports}}|{{.Networks}}']);
      assert.match(listed.stdout, /0\.0\.0\.0:8080->80\/tcp.*0\.0\.0\.0:5353->5353\/udp/);
      const inspected = JSON.parse((await user.warren(['inspect', 'web'])).stdout) as [
        { NetworkSettings: { Ports: Record<string, unknown> }; HostConfig: { NetworkMode: string } },
      ];
      assert.equal(inspected[0].HostConfig.NetworkMode, program);
      assert.deepEqual(inspected[0].NetworkSettings.Ports['5353/udp'], [
        { HostIp: '0.0.0.0', HostPort: '5353' },
      ]);
      const changed = await user.warren(['port', 'add', 'web', '9000:80']);
      assert.match(changed.stderr, /told them when it starts/);
      const removed = await user.warren(['rm', '-f', 'web']);
      assert.equal(removed.code, 0, removed.stderr);
      assert.deepEqual(processesOf(executable), []);
      await assert.rejects(fetchFrom(8080), { code: 'ECONNREFUSED' });
    });

    test('is connected again when it is started again, by hand and by its restart policy', async () => {
      using user = rangedUser();
      await using beyond = await outside();
      assert.ok(beyond.path);
      const script = `echo run; ${ask}; ${serve('again')}`;
      const made = await user.warren([
        ...['run', '-d', '--name', 'web', '--restart', 'always', '--network', program, '-p', '8080:80'],
        ...['--', 'sh', '-c', script],
      ]);
      assert.equal(made.code, 0, made.stderr);
      const answered = async (): Promise<string> =>
        waitFor('an answer', async () => (await fetchFrom(8080).catch(() => '')) || undefined);
      assert.equal(await answered(), 'again\n');
      const [first] = processesOf(executable);
      await user.warren(['exec', 'web', 'kill', '-KILL', '-1']);
      // Its end is one of the command's: policy and all.
      const pidOf = async (): Promise<number> =>
        Number((await user.warren(['inspect', '--format', '{{.State.Pid}}', 'web'])).stdout);
      process.kill(await pidOf(), 'SIGKILL');
      await waitFor('another program', () => processesOf(executable).find((pid) => pid !== first));
      assert.equal(await answered(), 'again\n');
      const restarted = await user.warren(['restart', '-t', '0', 'web']);
      assert.equal(restarted.code, 0, restarted.stderr);
      assert.equal(await answered(), 'again\n');
      assert.equal(processesOf(executable).length, 1);
      const { stdout } = await user.warren(['logs', 'web']);
      assert.equal(stdout, `run\n${asked}`.repeat(3));
      await user.warren(['stop', '-t', '0', 'web']);
      assert.deepEqual(processesOf(executable), []);
      await user.warren(['rm', 'web']);
    });

    test('kill -9 of its monitor, or of a foreground run, leaves no program behind', async () => {
      using user = rangedUser();
      await using beyond = await outside();
      assert.ok(beyond.path);
      await user.warren(['run', '-d', '--name', 'web', '--network', program, '--', 'sleep', '1000']);
      const { stdout } = await user.warren(['inspect', '--format', '{{.Warren.MonitorPid}}', 'web']);
      const [companion] = processesOf(executable);
      assert.ok(companion);
      process.kill(Number(stdout), 'SIGKILL');
      await waitForExit(companion);
      const collected = await user.warren(['gc']);
      assert.equal(collected.code, 0, collected.stderr);
      await user.warren(['rm', '-f', 'web']);

      const running = user.warren(['run', '--network', program, '--', 'sh', '-c', 'sleep 1000']);
      const other = await waitFor('the program', () => processesOf(executable)[0]);
      const stat = readFileSync(`/proc/${other}/stat`, 'latin1');
      const launcher = Number(/\) . (\d+)/.exec(stat)?.[1]);
      process.kill(launcher, 'SIGKILL');
      await waitForExit(other);
      assert.notEqual((await running).code, 0);
    });
  });
}

test('pasta that is killed is started again at once, with the ports', async () => {
  using user = rangedUser();
  await using beyond = await outside();
  assert.ok(beyond.path);
  await user.warren(['run', '-d', '--name', 'web', '-p', '8080:80', '--', 'sh', '-c', serve('hello')]);
  const [first] = processesOf('passt');
  assert.ok(first);
  // One that dies at once is given up; this one has lived.
  await waitFor('its age', () => (ageMs(first) > 2500 ? true : undefined));
  process.kill(first, 'SIGKILL');
  const second = await waitFor('another', () => processesOf('passt').find((pid) => pid !== first));
  assert.notEqual(second, first);
  assert.equal(
    await waitFor('an answer', async () => (await fetchFrom(8080).catch(() => '')) || undefined),
    'hello\n',
  );
  // And one that does not live is not started for ever; the log says so.
  await waitFor('the note', async () => {
    for (const pid of processesOf('passt')) process.kill(pid, 'SIGKILL');
    const { stdout, stderr } = await user.warren(['logs', 'web']);
    return (stdout + stderr).includes('cannot be started again') ? true : undefined;
  });
  assert.deepEqual(processesOf('passt'), []);
  await user.warren(['rm', '-f', 'web']);
});

test('the container’s resolver asks the host’s, also where that is on the host’s loopback', async () => {
  using user = rangedUser();
  await using beyond = await outside({ resolver: '127.0.0.53' });
  assert.ok(beyond.path);
  const server = createSocket('udp4');
  const query = once(server, 'message');
  server.bind(53, '127.0.0.53');
  const looked = user.warren([
    'run',
    '--network',
    'pasta',
    '--',
    'timeout',
    '3',
    'getent',
    'hosts',
    'name.test',
  ]);
  const [message] = (await query) as [Buffer];
  server.close();
  assert.ok(message.includes('name'));
  await looked;
});

test('without pasta and slirp4netns the container has loopback only, and that is said', async () => {
  using user = rangedUser();
  await using beyond = await outside();
  assert.ok(beyond.path);
  for (const path of ['/usr/bin/pasta', '/usr/bin/slirp4netns'])
    oracle('mount', ['--bind', '/dev/null', path]);
  try {
    // Of its own: with single files mounted in /usr/bin, the machine's is no root for an ordinary user.
    using root = busyboxRootfs();
    const { code, stdout, stderr } = await user.warren([
      ...['run', '--rootfs', root.path, '--network', 'user', '--', 'ls', '/sys/class/net'],
    ]);
    assert.deepEqual([code, stdout], [0, 'lo\n'], stderr);
    assert.match(stderr, /note: the container has loopback only: pasta and slirp4netns are not in PATH/);
    const published = await user.warren(['run', '-d', '-p', '8080:80', '--', 'true']);
    assert.equal(published.code, 125);
    assert.match(published.stderr, /ERR_USER_NETWORK|apt-get install passt/);
    const named = await user.warren(['run', '--network', 'pasta', '--', 'true']);
    assert.match(named.stderr, /pasta is not in PATH/);
    assert.equal((await user.warren(['ps', '-aq'])).stdout, '');
  } finally {
    for (const path of ['/usr/bin/pasta', '/usr/bin/slirp4netns']) oracle('umount', [path]);
  }
});

test('what cannot be published is refused before anything is there, and says why', async () => {
  using user = rangedUser();
  await using beyond = await outside();
  assert.ok(beyond.path);
  const server = createServer().listen(8080, '0.0.0.0');
  await once(server, 'listening');
  const refusals: [args: string[], expected: RegExp][] = [
    [['-p', '8080:80'], /a process of this host has that port/],
    [['-p', '80:80'], /ip_unprivileged_port_start/],
    [['-p', '192.0.2.77:8090:80'], /no such address/],
    [['-p', '8090:80/sctp'], /passes SCTP on/],
    [['-p', 'nonsense'], /is not \[IP:\]HOST:CONTAINER/],
    [['--network', 'user', '--ip', '10.0.0.1'], /decides that itself/],
    [['--network', 'user', '--userns', 'host'], /user namespace of the container/],
    [['--network', 'user', '--network', 'pasta'], /each stand alone/],
  ];
  for (const [args, expected] of refusals) {
    for (const how of [[], ['-d']]) {
      const { code, stderr } = await user.warren(['run', ...how, ...args, '--', 'true']);
      assert.equal(code, 125, stderr);
      assert.match(stderr, expected);
    }
  }
  server.close();
  assert.equal((await user.warren(['ps', '-aq'])).stdout, '');
  const asRoot = oracle('./warren', ['run', '--network', 'pasta', '--', 'true'], { allowFailure: true });
  assert.match(asRoot.stderr, /it is for ordinary users/);
});

test('pasta publishes at IPv6 addresses, also the same port as at IPv4 ones, and beside another’s at those', async () => {
  using user = rangedUser();
  await using beyond = await outside();
  assert.ok(beyond.path);
  oracle('ip', ['address', 'add', 'fd00:99::2/64', 'dev', 'up0', 'nodad']);
  oracle('ip', ['route', 'add', 'default', 'via', 'fd00:99::1', 'dev', 'up0']);
  const other = createServer((socket) => socket.end('other\n')).listen(8082, '0.0.0.0');
  await once(other, 'listening');
  try {
    const made = await user.warren([
      ...['run', '-d', '--name', 'web', '--network', 'pasta', '-p', '0.0.0.0:8081:80', '-p', '[::]:8081:80'],
      ...['-p', '[::]:8082:80', '-p', '[::1]:8083:80', '--', 'sh', '-c'],
      serve('hello').replaceAll("('0.0.0.0', 80)", "('::', 80), family=socket.AF_INET6, dualstack_ipv6=True"),
    ]);
    assert.equal(made.code, 0, made.stderr);
    const got = await waitFor('an answer', async () => (await fetchFrom(8081).catch(() => '')) || undefined);
    assert.deepEqual(
      [got, await fetchFrom(8081, '::1'), await fetchFrom(8082, '::1'), await fetchFrom(8083, '::1')],
      ['hello\n', 'hello\n', 'hello\n', 'hello\n'],
    );
    assert.equal(await fetchFrom(8082), 'other\n');
    const { stdout } = await user.warren(['port', 'web']);
    assert.match(stdout, /0\.0\.0\.0:8081\n.*\[::\]:8081\n.*\[::\]:8082\n.*\[::1\]:8083\n/);
  } finally {
    other.close();
    await user.warren(['rm', '-f', 'web']);
  }
});

test('IPv6 addresses to publish at are refused where they cannot be had, and it is said why', async () => {
  using user = rangedUser();
  await using beyond = await outside();
  assert.ok(beyond.path);
  for (const [program, expected] of [
    ['pasta', /no IPv6 default route/],
    ['slirp4netns', /slirp4netns publishes at IPv4 addresses only/],
  ] as const) {
    for (const how of [[], ['-d']]) {
      const { code, stderr } = await user.warren([
        ...['run', ...how, '--network', program, '-p', '[::]:8082:80', '--', 'true'],
      ]);
      assert.equal(code, 125);
      assert.match(stderr, expected);
    }
  }
  assert.equal((await user.warren(['ps', '-aq'])).stdout, '');
});

test('slirp4netns that cannot publish a port leaves no socket', async () => {
  using user = rangedUser();
  await using beyond = await outside();
  assert.ok(beyond.path);
  const env = { XDG_RUNTIME_DIR: user.home };
  const made = await user.warren(
    [
      ...['create', '--name', 'web', '--network', 'slirp4netns', '-p', '8080:80', '-p', '8081:81'],
      ...['--', 'true'],
    ],
    { env },
  );
  assert.equal(made.code, 0, made.stderr);
  for (const port of [8080, 8081]) {
    const server = createServer().listen(port, '0.0.0.0');
    await once(server, 'listening');
    const started = await user.warren(['start', 'web'], { env });
    server.close();
    assert.notEqual(started.code, 0);
    assert.match(started.stderr, /does not publish a port: something has it already/);
    assert.deepEqual(
      readdirSync(user.home).filter((name) => name.endsWith('.sock')),
      [],
    );
  }
  const { code, stderr } = await user.warren(['start', 'web'], { env });
  assert.equal(code, 0, stderr);
  await user.warren(['rm', '-f', 'web'], { env });
});

test('slirp4netns publishes ports where TMPDIR and XDG_RUNTIME_DIR name nothing of use', async () => {
  using user = rangedUser();
  await using beyond = await outside();
  assert.ok(beyond.path);
  for (const env of [{ TMPDIR: '/nowhere' }, { XDG_RUNTIME_DIR: 'relative' }, { XDG_RUNTIME_DIR: '/root' }]) {
    const { code, stderr } = await user.warren(
      ['run', '--network', 'slirp4netns', '-p', '8080:80', '--', 'true'],
      { env },
    );
    assert.equal(code, 0, stderr);
  }
});

test('a program that cannot do its work is quoted, and nothing is left of the start', async () => {
  using user = rangedUser();
  await using beyond = await outside();
  assert.ok(beyond.path);
  // Taken between the look and the start: the program finds it out.
  const { stderr } = await user.warren([
    'run',
    '-d',
    '--name',
    'one',
    '-p',
    '8080:80',
    '--',
    'sleep',
    '1000',
  ]);
  assert.equal(stderr, '');
  await user.warren(['stop', '-t', '0', 'one']);
  const server = createServer().listen(8080, '0.0.0.0');
  await once(server, 'listening');
  const again = await user.warren(['start', 'one']);
  server.close();
  assert.notEqual(again.code, 0);
  assert.match(again.stderr, /pasta ended: .*8080/);
  assert.deepEqual(processesOf('passt'), []);
  assert.equal((await user.warren(['start', 'one'])).code, 0);
  await user.warren(['rm', '-f', 'one']);
});

test('--plan shows the program and its arguments, and starts nothing', async () => {
  using user = rangedUser();
  await using beyond = await outside();
  assert.ok(beyond.path);
  const { stdout } = await user.warren(['run', '--plan', '-p', '8000-8009:80-89', '--', 'true']);
  assert.match(stdout, /connect the network by pasta/);
  assert.match(stdout, /execve\("\/usr\/bin\/pasta".*"--tcp-ports", "8000-8009:80-89".*"\{child\}"/);
  assert.ok(stdout.indexOf('map user and group ids') < stdout.indexOf('connect the network'));
  assert.ok(stdout.indexOf('connect the network') < stdout.indexOf('let the process inside go on'));
  assert.deepEqual(processesOf('passt'), []);
});

function ageMs(pid: number): number {
  const stat = readFileSync(`/proc/${pid}/stat`, 'latin1');
  const began = Number(stat.slice(stat.lastIndexOf(')') + 2).split(' ')[19]) / 100;
  return Number(readFileSync('/proc/uptime', 'latin1').split(' ')[0]) * 1000 - began * 1000;
}
