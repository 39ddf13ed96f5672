import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { test } from 'node:test';
import { execProcessOf, readProcessCapabilities } from '../../src/explore/capabilities/show.js';
import { decodeCapabilities } from '../../src/kernel/capabilities.js';
import { formatCapabilityText } from '../../src/kernel/capability-text.js';
import { assertFakeHost } from '../support/fake-host.js';
import { oracle } from '../support/oracle.js';

assertFakeHost();

/** A process in a certain state, which ends with us. */
async function held(
  options: readonly string[],
): Promise<{ pid: number; [Symbol.asyncDispose](): Promise<void> }> {
  const child = spawn('setpriv', [...options, 'sh', '-c', 'echo ready; exec cat'], {
    stdio: ['pipe', 'pipe', 'inherit'],
  });
  const exited = once(child, 'exit');
  await once(child.stdout, 'data');
  return {
    pid: child.pid ?? assert.fail('no pid'),
    async [Symbol.asyncDispose]() {
      child.stdin.end();
      await exited;
    },
  };
}

test('MISSION 4.1: the five sets of another process are those that getpcaps shows, decoded as capsh does', async () => {
  const states = [
    ['--inh-caps=-all', '--ambient-caps=-all'],
    ['--reuid=12345', '--clear-groups', '--inh-caps=+net_raw,+kill', '--ambient-caps=+net_raw'],
    ['--inh-caps=-all,+chown', '--bounding-set=-net_raw', '--no-new-privs'],
    ['--reuid=12345', '--clear-groups', '--inh-caps=-all'],
  ];
  for (const options of states) {
    await using process = await held(options);
    const { status, securebits } = await readProcessCapabilities(process.pid);
    const { capabilities } = status;
    const shown = oracle('getpcaps', [String(process.pid)]);
    // To either, by version.
    const line = `${shown.stdout}${shown.stderr}`.trim();
    assert.equal(line, `${process.pid}: ${formatCapabilityText(capabilities)}`);
    for (const mask of Object.values<bigint>({ ...capabilities })) {
      const hex = mask.toString(16).padStart(16, '0');
      const decoded = oracle('capsh', [`--decode=${hex}`]).stdout.trim();
      assert.equal(decoded, `0x${hex}=${decodeCapabilities(mask).join(',').toLowerCase()}`);
    }
    assert.equal(status.noNewPrivileges, options.includes('--no-new-privs'));
    assert.equal(securebits, undefined);
  }
});

test('MISSION 4.1: one’s own securebits are known, another’s are not', async () => {
  const { securebits, status } = await readProcessCapabilities('self');
  assert.equal(securebits, 0);
  assert.equal(status.nsPids.at(-1), process.pid);
});

test('execProcessOf() sees ids as the process itself does', async () => {
  const child = spawn('unshare', ['--user', '--map-root-user', 'sh', '-c', 'echo ready; exec cat'], {
    stdio: ['pipe', 'pipe', 'inherit'],
    uid: 12345,
    gid: 12345,
  });
  const exited = once(child, 'exit');
  try {
    await once(child.stdout, 'data');
    const found = await readProcessCapabilities(child.pid ?? 0);
    assert.equal(found.status.uid.effective, 12345);
    const process = execProcessOf(found, found.userNamespaces ?? assert.fail('not shown'));
    assert.deepEqual(process.uid, { real: 0, effective: 0 });
    assert.deepEqual(process.rootIds, [12345, 0]);
  } finally {
    child.stdin.end();
    await exited;
  }
});
