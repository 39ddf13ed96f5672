/** Every call of a start is made to fail once, by the launcher's test build, and nothing may be left or hang. */
import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { join, relative } from 'node:path';
import { test } from 'node:test';
import { setTimeout as delay } from 'node:timers/promises';
import { plan, start, type StartOptions } from '../../src/index.js';
import { WarrenError } from '../../src/errors.js';
import { encodePlan } from '../../src/plan/encode.js';
import { lower } from '../../src/plan/lower/index.js';
import { repositoryRoot } from '../support/cli.js';
import { assertFakeHost, holdNetworkNamespace } from '../support/fake-host.js';
import { assertNoTraces, takeTraces } from '../support/leaks.js';
import { plainUser } from '../support/plain-user.js';
import { busyboxRootfs } from '../support/rootfs.js';

assertFakeHost();

// The launcher is taken at its first use, what it reads at every one.
process.env['WARREN_LAUNCHER'] = join(
  repositoryRoot,
  `prebuilds/linux-${process.arch}/warren-launcher-fault`,
);

const EIO = 5;
const DEADLINE_MS = 20_000;

/** Of native/launcher/plan.h: what only moves a number cannot fail. */
const OP_SET = 1;
const OP_PEEK32 = 5;

interface FailingOp {
  readonly index: number;
  readonly step: number;
  readonly kind: string;
}

async function opsOf(options: StartOptions): Promise<{ ops: FailingOp[]; stepCount: number }> {
  const { steps } = await plan(['true'], options);
  const encoded = encodePlan(steps.map((step) => ({ calls: lower(step) })));
  const view = new DataView(encoded.bytes.buffer, encoded.bytes.byteOffset);
  const at = view.getUint32(8, true);
  const ops = Array.from({ length: view.getUint32(4, true) }, (_, index) => {
    const step = encoded.locate(index)?.step ?? -1;
    return { index, step, code: view.getUint16(at + index * 80, true), kind: steps[step]?.op ?? '' };
  });
  return {
    ops: ops.filter(({ code }) => code !== OP_SET && code !== OP_PEEK32),
    stepCount: steps.length,
  };
}

/** Tries to start with one call failing; undefined when it was never reached, as one of two branches is not. */
async function failAt({ index }: FailingOp, options: StartOptions): Promise<unknown> {
  process.env['WARREN_FAULT'] = `${index}:${EIO}`;
  try {
    const container = await start(['true'], { ...options, stdout: 'ignore', stderr: 'ignore' });
    container.terminal?.readable.resume();
    assert.equal((await container.wait()).exitCode, 0, `op ${index} failed unreported`);
    return undefined;
  } catch (error) {
    return error;
  } finally {
    delete process.env['WARREN_FAULT'];
  }
}

function assertNamesStep(error: unknown, op: FailingOp, stepCount: number): void {
  assert.ok(error instanceof WarrenError, `op ${op.index} (${op.kind}): ${String(error)}`);
  assert.equal(error.errno, 'EIO', `op ${op.index} (${op.kind}): ${error.message}`);
  if (op.kind === 'exec') {
    assert.equal(error.code, 'ERR_COMMAND_NOT_EXECUTABLE');
    return;
  }
  assert.equal(error.code, 'ERR_STEP');
  assert.ok(
    error.message.includes(`step ${op.step + 1} of ${stepCount}, `),
    `op ${op.index} (${op.kind}) gave: ${error.message}`,
  );
}

function childrenOf(): string {
  return readFileSync(`/proc/self/task/${process.pid}/children`, 'latin1');
}

const seen = new Set<string>();

/** Steps that stand in most plans, of many calls alike: all of them the first time, later one each. */
function notYetSeen(ops: readonly FailingOp[], { uidMap, init }: StartOptions): FailingOp[] {
  const repetitive: ReadonlySet<string> = new Set([
    'bounding',
    'mask',
    'mount',
    'devices',
    'read-only-path',
    'sysctl',
    'bind-system',
  ]);
  const setting = JSON.stringify([uidMap, init]);
  const now = new Set<string>();
  const wanted = ops.filter(({ kind, step }, index) => {
    if (!repetitive.has(kind)) return true;
    now.add(`${setting} ${kind}`);
    return !seen.has(`${setting} ${kind}`) || ops[index - 1]?.step !== step;
  });
  for (const key of now) seen.add(key);
  return wanted;
}

/** Two ways to hide a path, and none where it is missing: only one of them is taken. */
const branching: ReadonlySet<string> = new Set(['mask', 'read-only-path']);

async function failEverywhere(options: StartOptions): Promise<void> {
  const { ops: all, stepCount } = await opsOf(options);
  assert.ok(all.length > 100, `only ${all.length} ops`);
  const ops = notYetSeen(all, options);
  // What is opened once and kept, is open from here on.
  assert.equal(await failAt({ index: ops.length + 1000, step: 0, kind: '' }, options), undefined);
  const children = childrenOf();
  const before = takeTraces();
  for (const [count, op] of ops.entries()) {
    const late = new AbortController();
    const error = await Promise.race([
      failAt(op, options),
      delay(DEADLINE_MS, 'late', { signal: late.signal }).catch(() => undefined),
    ]);
    late.abort();
    assert.notEqual(error, 'late', `op ${op.index} (${op.kind}) hangs`);
    if (error !== undefined || !branching.has(op.kind)) assertNamesStep(error, op, stepCount);
    // Not only later: when the start has been refused, there is no process any more.
    assert.equal(childrenOf(), children, `op ${op.index} (${op.kind}) leaves a child`);
    if (count % 50 === 0) await assertNoTraces(before);
  }
  await assertNoTraces(before);
}

const small = busyboxRootfs();
process.on('exit', () => {
  small[Symbol.dispose]();
});
const rootfs = small.path;

const plans: readonly [name: string, options: StartOptions][] = [
  ['the machine as a root', {}],
  ['a directory as a root', { rootfs }],
  ['a directory as a root, written to', { rootfs, rw: true, readOnly: true }],
  ['ids mapped by root, who makes the root', { rootfs, uidMap: ['0:100000:65536'] }],
  ['ids mapped, and the machine as a root', { uidMap: ['0:100000:65536'] }],
  ['a terminal', { rootfs, tty: true }],
  ['an init', { rootfs, init: true }],
  ['a terminal and an init', { rootfs, tty: true, init: true }],
  [
    'volumes, tmpfs, parameters and devices',
    {
      rootfs,
      volumes: ['/usr:/host/usr:ro', '/etc/hostname:/etc/hostname'],
      tmpfs: ['/scratch:size=1m'],
      sysctls: { 'net.ipv4.ip_unprivileged_port_start': 80, 'kernel.shm_rmid_forced': 1 },
      devices: ['/dev/null:/dev/more/null'],
      user: 'guest',
      workdir: '/home/guest',
      hostname: 'box',
      domainname: 'example.org',
      noNewPrivileges: true,
      oomScoreAdj: 100,
      ulimits: ['core=0'],
      groupAdd: ['audio'],
    },
  ],
  ['limits', { rootfs, limits: { memory: '64m', cpus: 0.5, pids: 50, blkioWeight: 100, cpusetCpus: '0' } }],
  ['shared PID, time offsets', { rootfs, pid: 'host', init: true, boottimeOffsetSec: 5 }],
];

for (const [name, options] of plans) {
  test(`start() names the call that failed, and leaves nothing, at every call: ${name}`, async () => {
    await failEverywhere(options);
  });
}

test('start() names the call that failed, and leaves nothing, at every call: a joined network', async () => {
  const held = await holdNetworkNamespace();
  try {
    await failEverywhere({ rootfs, network: `ns:${held.path}` });
  } finally {
    await held[Symbol.asyncDispose]();
  }
});

test('start() gives up when a question to the kernel about a parameter fails, whichever call it is', async () => {
  // One that no census of this kernel has measured.
  const options: StartOptions = { rootfs, sysctls: { 'net.ipv6.conf.all.forwarding': 1 } };
  assert.equal(await failAt({ index: 1000, step: 0, kind: '' }, options), undefined);
  const before = takeTraces();
  // unshare, openat, the answer put into the message, sendto.
  for (const index of [0, 1, 2, 3]) {
    const error = await failAt({ index, step: 0, kind: '' }, options);
    assert.ok(error instanceof WarrenError, String(error));
    assert.equal(error.code, 'ERR_STEP');
  }
  await assertNoTraces(before);
});

test('start() names the call that failed, and leaves nothing, at every call: an ordinary user', async () => {
  const user = plainUser();
  try {
    const checkout = join(user.home, '../checkout');
    const build = join(checkout, relative(repositoryRoot, join(import.meta.dirname, '../..')));
    const before = takeTraces();
    const script = `
      process.env.WARREN_LAUNCHER = '${checkout}/prebuilds/linux-${process.arch}/warren-launcher-fault';
      const { plan, start } = await import('${build}/src/index.js');
      const { encodePlan } = await import('${build}/src/plan/encode.js');
      const { lower } = await import('${build}/src/plan/lower/index.js');
      const { readFileSync } = await import('node:fs');
      const { steps } = await plan(['true']);
      const encoded = encodePlan(steps.map((step) => ({ calls: lower(step) })));
      const branching = ['mask', 'read-only-path'];
      let count = 0;
      for (let index = 0; index < encoded.opCount; index++) {
        const { step, call } = encoded.locate(index);
        if (call.op === 'set' || call.op === 'peek32') continue;
        process.env.WARREN_FAULT = index + ':5';
        let said = 'nothing';
        try {
          await (await start(['true'], { stdout: 'ignore', stderr: 'ignore' })).wait();
        } catch (error) {
          said = error.message;
        }
        const { op } = steps[step];
        const fine =
          (said === 'nothing' && branching.includes(op)) ||
          said.includes('step ' + (step + 1) + ' of ' + steps.length) ||
          // Before its ids are mapped: whoever maps them may find the process gone, and says that.
          (op === 'enter' && said.includes('map user and group ids')) ||
          op === 'exec';
        if (!fine) console.log(index, op, said);
        if (readFileSync('/proc/self/task/' + process.pid + '/children', 'latin1') !== '') console.log(index, op, 'child');
        count++;
      }
      console.log('tried', count > 100);
    `;
    const { stdout, stderr } = await user.run(['node', '--input-type=module', '--eval', script]);
    assert.equal(stdout, 'tried true\n', stderr);
    await assertNoTraces(before);
  } finally {
    user[Symbol.dispose]();
  }
});
