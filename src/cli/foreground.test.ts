import assert from 'node:assert/strict';
import { EventEmitter, once } from 'node:events';
import { after, test } from 'node:test';
import { WarrenError } from '../errors.js';
import type { StartOptions } from '../runtime/options.js';
import { attend, type StartContainer } from './foreground.js';

// A signal handler does not keep an event loop going; a container does, and the ones here are fakes.
const alive = setInterval(() => undefined, 60_000);
after(() => clearInterval(alive));

const io = { interactive: false, tty: false };

/** A container without streams: remembers the signals it gets, and ends at SIGKILL. */
class FakeContainer extends EventEmitter {
  readonly stdin = null;
  readonly stdout = null;
  readonly stderr = null;
  readonly terminal = null;
  readonly signals: (number | string)[] = [];

  kill(signal: number | string): void {
    this.signals.push(signal);
    this.emit('signal');
    if (signal === 'SIGKILL') this.emit('end', 137);
  }

  async wait() {
    const [exitCode] = (await once(this, 'end')) as [number];
    return {
      exitCode,
      signal: undefined,
      timedOut: false,
      isCanceled: false,
      oomKilled: false,
      usage: { userMs: 0, systemMs: 0, maxRssBytes: 0 },
    };
  }
}

/** Starts a fake container, and tells when somebody waits for it, which is when signals go to it. */
function fakeStart(container: FakeContainer): { start: StartContainer; waited: Promise<unknown> } {
  const waited = once(container, 'newListener');
  return { start: async () => container, waited };
}

test('attend() returns the exit code of the command', async () => {
  const container = new FakeContainer();
  const { start, waited } = fakeStart(container);
  const code = attend(start, ['false'], {}, io);
  await waited;
  setImmediate(() => container.emit('end', 42));
  assert.equal(await code, 42);
});

test('attend() passes each signal on, and kills at the third interrupt', async () => {
  const container = new FakeContainer();
  const { start, waited } = fakeStart(container);
  const code = attend(start, ['sleep'], {}, io);
  await waited;
  for (const signal of ['SIGUSR1', 'SIGHUP', 'SIGINT', 'SIGTERM', 'SIGINT'] as const) {
    const arrived = once(container, 'signal');
    process.kill(process.pid, signal);
    await arrived;
  }
  assert.equal(await code, 137);
  assert.deepEqual(container.signals, ['SIGUSR1', 'SIGHUP', 'SIGINT', 'SIGTERM', 'SIGKILL']);
});

test('attend() leaves no signal handler behind', async () => {
  const counts = () => ['SIGINT', 'SIGTERM', 'SIGWINCH'].map((name) => process.listenerCount(name));
  const before = counts();
  const failing: StartContainer = async () => {
    assert.notDeepEqual(counts(), before);
    throw new WarrenError('ERR_TEST', 'Cannot start', { kind: 'kernel' });
  };
  await assert.rejects(attend(failing, ['x'], {}, io), { code: 'ERR_TEST' });
  assert.deepEqual(counts(), before);
});

test('attend() aborts a start at SIGINT and returns 130, and does not mind SIGUSR1 then', async () => {
  const start: StartContainer = async (_argv, { startSignal }) => {
    assert.ok(startSignal);
    const aborted = once(startSignal, 'abort');
    process.kill(process.pid, 'SIGUSR1');
    process.kill(process.pid, 'SIGINT');
    await aborted;
    throw new WarrenError('ERR_ABORTED', 'Cannot start', { kind: 'cancelled' });
  };
  assert.equal(await attend(start, ['x'], {}, io), 130);
});

test('attend() hands the command a signal that came too late to prevent its start', async () => {
  const container = new FakeContainer();
  const start: StartContainer = async (_argv, { startSignal }) => {
    assert.ok(startSignal);
    const aborted = once(startSignal, 'abort');
    process.kill(process.pid, 'SIGTERM');
    await aborted;
    container.once('signal', () => setImmediate(() => container.emit('end', 7)));
    return container;
  };
  assert.equal(await attend(start, ['x'], {}, io), 7);
  assert.deepEqual(container.signals, ['SIGTERM']);
});

test('attend() gives the command /dev/null without -i, and never a terminal of the caller', async () => {
  const seen: StartOptions[] = [];
  const container = new FakeContainer();
  const start: StartContainer = async (_argv, options) => {
    seen.push(options);
    setImmediate(() => container.emit('end', 0));
    return container;
  };
  await attend(start, ['x'], { hostname: 'kept' }, io);
  assert.equal(seen[0]?.stdin, 'ignore');
  assert.equal(seen[0].hostname, 'kept');
  assert.equal(seen[0].stdout, process.stdout.isTTY ? 'pipe' : 'inherit');
});

test(
  'attend() refuses -it without a terminal on standard input, in docker’s words',
  { skip: process.stdin.isTTY ? 'standard input is a terminal' : false },
  async () => {
    const start: StartContainer = async () => assert.fail('started');
    await assert.rejects(attend(start, ['x'], {}, { interactive: true, tty: true }), {
      code: 'ERR_NOT_A_TTY',
      message: /the input device is not a TTY/,
    });
  },
);
