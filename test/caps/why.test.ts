/** MISSION 4.4: which capability does this need? The kernel's own checks, watched; the cure, tried. */
import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { closeSync, readdirSync } from 'node:fs';
import { test } from 'node:test';
import {
  containedCapabilities,
  explainRefusals,
  traceRun,
  type Explanation,
} from '../../src/explore/capabilities/why.js';
import { capabilityNames, type Capability } from '../../src/kernel/capabilities.js';
import { nativeSyscallArch } from '../../src/kernel/syscalls/index.js';
import { detachedMount } from '../../src/native/credentials.js';
import { run, type RunOptions } from '../../src/index.js';
import { warrenPath } from '../support/cli.js';
import { assertFakeHost } from '../support/fake-host.js';
import { leavesNothing } from '../support/leaks.js';
import { waitFor } from '../support/wait.js';

assertFakeHost();

const arch = nativeSyscallArch(process.arch);
const isolated = containedCapabilities({ network: false, pid: false, ipc: false, uts: false });

async function why(command: readonly string[], options: RunOptions = {}, maxRuns = 8): Promise<Explanation> {
  const runWith = async (added: readonly Capability[]): Promise<number> => {
    const caps = { ...options.caps, add: [...(options.caps?.add ?? []), ...added] };
    return (await run(command, { ...options, caps, rejectOnFailure: false })).exitCode;
  };
  return explainRefusals(async (added) => traceRun(arch, runWith, added), {
    ownUserNamespace: options.uidMap !== undefined,
    available: new Set(capabilityNames),
    mayTry: isolated,
    maxRuns,
  });
}

/** Each with the capability that its manual page names; what a container has by default is taken away first. */
const needs: readonly (readonly [capability: Capability, command: readonly string[]])[] = [
  ['CAP_CHOWN', ['chown', '1', '/tmp']],
  ['CAP_FOWNER', ['sh', '-ec', 'chown 5 /tmp; chmod 700 /tmp']],
  ['CAP_SETUID', ['setpriv', '--reuid=5', 'true']],
  ['CAP_SETGID', ['setpriv', '--regid=5', '--clear-groups', 'true']],
  ['CAP_SYS_CHROOT', ['chroot', '/', 'true']],
  ['CAP_MKNOD', ['mknod', '/tmp/null', 'c', '1', '3']],
  [
    'CAP_NET_RAW',
    ['/usr/bin/python3', '-c', 'import socket; socket.socket(socket.AF_PACKET, socket.SOCK_RAW)'],
  ],
  ['CAP_NET_ADMIN', ['ip', 'link', 'set', 'lo', 'down']],
  [
    'CAP_SETFCAP',
    // Not setcap(8): it asks capset(2) for what it has not, and gives up before the kernel is asked.
    [
      '/usr/bin/python3',
      '-c',
      'import os; open("/tmp/file", "w"); os.setxattr("/tmp/file", "security.capability", bytes.fromhex("0000000220" + 30 * "0"))',
    ],
  ],
  ['CAP_SYS_ADMIN', ['mount', '-t', 'tmpfs', 'tmpfs', '/mnt']],
  ['CAP_SYS_ADMIN', ['hostname', 'other']],
  ['CAP_DAC_OVERRIDE', ['sh', '-ec', 'chown 5 /tmp; chmod 700 /tmp; echo >/tmp/file']],
];

for (const [capability, command] of needs) {
  test(`MISSION 4.4: ${command.join(' ').slice(0, 60)} needs ${capability}, and with it succeeds`, async () => {
    const name = capability.slice('CAP_'.length);
    const found = await why(command, { caps: { drop: [name] } });
    const { runs, diagnoses, added } = found;
    assert.notEqual(runs[0]?.exitCode, 0, JSON.stringify(found));
    assert.ok(
      diagnoses.some(({ capabilities, cure }) => capabilities.includes(capability) && cure === capability),
      JSON.stringify(diagnoses),
    );
    assert.ok(added.includes(capability));
    assert.equal(runs.at(-1)?.exitCode, 0, JSON.stringify(found));
    assert.deepEqual(
      runs.map(({ lost }) => lost).filter((lost) => lost > 0),
      [],
    );
  });
}

test('MISSION 4.4: a port below net.ipv4.ip_unprivileged_port_start needs CAP_NET_BIND_SERVICE', async () => {
  const script = 'import socket; socket.socket().bind(("127.0.0.1", 80))';
  const { diagnoses, runs } = await why(['/usr/bin/python3', '-c', script], {
    caps: { drop: ['NET_BIND_SERVICE'] },
    sysctls: { 'net.ipv4.ip_unprivileged_port_start': 1024 },
  });
  const [call] = diagnoses;
  assert.deepEqual([call?.syscall, call?.errno, call?.cure], ['bind', 'EACCES', 'CAP_NET_BIND_SERVICE']);
  assert.equal(runs.at(-1)?.exitCode, 0);
});

test('MISSION 4.4: against which user namespace: the container’s own, or the first one, where nothing helps', async () => {
  const options: RunOptions = { uidMap: ['0:100000:65536'], caps: { drop: ['CHOWN'] } };
  const own = await why(['chown', '1', '/tmp'], options);
  assert.deepEqual([own.diagnoses[0]?.namespace, own.diagnoses[0]?.cure], ['other', 'CAP_CHOWN']);
  const device = await why(['mknod', '/tmp/null', 'c', '1', '3'], { uidMap: ['0:100000:65536'] });
  assert.equal(device.diagnoses[0]?.namespace, 'first');
  assert.notEqual(device.diagnoses[0].hopeless, undefined);
  assert.equal(device.runs.length, 1);
});

test('MISSION 4.4: what would reach beyond the container is named, and not tried', async () => {
  // Sets the clock to what it is: even a defect here would do no harm.
  const script = 'import time; time.clock_settime(time.CLOCK_REALTIME, time.time())';
  const { diagnoses, runs } = await why(['/usr/bin/python3', '-c', script], {}, 1);
  const [call] = diagnoses;
  assert.deepEqual(
    [call?.by, call?.capabilities, call?.notTried],
    ['seccomp filter', ['CAP_SYS_TIME'], ['CAP_SYS_TIME']],
  );
  assert.equal(runs.length, 1);
});

test('MISSION 4.4: a command that lacks nothing', async () => {
  const { diagnoses, runs } = await why(['true'], { caps: { drop: ['ALL'] } });
  assert.deepEqual(diagnoses, []);
  assert.equal(runs.length, 1);
});

test('warren caps why that is interrupted ends its command, and with 130', async () => {
  for (const by of ['tracepoint', 'experiment']) {
    await leavesNothing(async () => {
      const args = ['caps', 'why', '--by', by, '--', 'sh', '-c', 'echo begun >&2; exec sleep 73655'];
      const child = spawn(warrenPath, args, { stdio: ['ignore', 'ignore', 'pipe'] });
      const ended = once(child, 'exit');
      let text = '';
      for await (const chunk of child.stderr) {
        text += String(chunk);
        if (text.includes('begun')) child.kill('SIGINT');
      }
      assert.deepEqual(await ended, [130, null], text);
      assert.equal(text.trim(), 'begun');
    });
  }
});

test('traceRun() leaves nothing in tracefs, not even after a failure', async () => {
  const instances = (): string[] => {
    const fd = detachedMount('tracefs');
    const names = readdirSync(`/proc/self/fd/${fd}/instances`).filter((name) =>
      name.startsWith('warren-why-'),
    );
    closeSync(fd);
    return names;
  };
  const before = instances();
  await traceRun(arch, async () => Promise.resolve(0), []);
  await assert.rejects(
    traceRun(arch, async () => Promise.reject(new Error('no')), []),
    /no/,
  );
  // Another test's come and go meanwhile: ours would be there at every look.
  let left = instances().filter((name) => !before.includes(name));
  await waitFor('instances to be gone', () => {
    left = left.filter((name) => instances().includes(name));
    return left.length === 0 || undefined;
  });
});
