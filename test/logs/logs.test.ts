/** `warren logs`' reading against the monitor's writing. */
import assert from 'node:assert/strict';
import { mkdtempSync, readdirSync, rmSync, statSync } from 'node:fs';
import { execFile } from 'node:child_process';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, test } from 'node:test';
import { promisify } from 'node:util';
import { printLog } from '../../src/cli/log-printer.js';
import { openContainers, type CreateOptions, type DetachedContainer } from '../../src/containers/index.js';
import { assertFakeHost } from '../support/fake-host.js';
import { busyboxRootfs } from '../support/rootfs.js';

assertFakeHost();

const execute = promisify(execFile);
const small = busyboxRootfs();
const root = mkdtempSync(join(tmpdir(), 'warren-logs-'));
const store = openContainers(root);
after(() => {
  small[Symbol.dispose]();
  rmSync(root, { recursive: true, force: true });
});

/** Starts a shell script, and removes its container at the end of the test. */
async function withScript(
  script: string,
  options: CreateOptions,
  use: (container: DetachedContainer) => Promise<void>,
): Promise<void> {
  const container = await store.run(['sh', '-c', script], { rootfs: small.path, ...options });
  try {
    await use(container);
  } finally {
    await container.remove({ force: true });
  }
}

async function linesOf(container: DetachedContainer, options: Parameters<DetachedContainer['logs']>[0]) {
  const lines: string[] = [];
  for await (const { stream, data } of container.logs(options)) lines.push(`${stream} ${data.toString()}`);
  return lines;
}

const numbered = (from: number, to: number): string[] =>
  Array.from({ length: to - from + 1 }, (_, index) => `stdout line ${from + index}\n`);

test('logs --follow gives all that a container writes, its streams apart, to its end', async () => {
  const script = 'echo out; echo err >&2; printf "\\377\\000"';
  await withScript(script, {}, async (container) => {
    const printed = { 1: '', 2: '' };
    const request = { since: undefined, until: undefined, tail: undefined, timestamps: false, json: false };
    await printLog(container, { ...request, follow: true }, (fd, data) => {
      printed[fd as 1 | 2] += data.toString('latin1');
      return true;
    });
    assert.deepEqual(printed, { 1: 'out\n\u00ff\u0000', 2: 'err\n' });
  });
});

test('logs --follow loses no line over the rotations of the monitor', async () => {
  const log = { maxSizeBytes: 4096, maxFiles: 500 };
  const script = 'i=0; while [ $i -lt 20000 ]; do echo line $i; i=$((i + 1)); done';
  await withScript(script, { log }, async (container) => {
    const lines = await linesOf(container, { follow: true });
    assert.equal(
      lines.find((line, index) => line !== `stdout line ${index}\n`),
      undefined,
    );
    assert.equal(lines.length, 20000);
    assert.ok(readdirSync(container.directory).includes('log.1'));
    assert.deepEqual(await linesOf(container, { tail: 3000 }), numbered(17000, 19999));
  });
});

test('a log is kept to its files and their size, and what is left of it can be read', async () => {
  const log = { maxSizeBytes: 4096, maxFiles: 3 };
  const script = 'i=0; while [ $i -lt 40000 ]; do echo line $i; i=$((i + 1)); done';
  await withScript(script, { log }, async (container) => {
    await container.wait();
    const files = readdirSync(container.directory).filter((name) => /^log(\.|$)/.test(name));
    assert.deepEqual(files.sort(), ['log', 'log.1', 'log.2']);
    for (const name of files) assert.ok(statSync(join(container.directory, name)).size < 4096 + 32768 + 20);
    const lines = await linesOf(container, {});
    assert.ok(lines.length > 10);
    assert.deepEqual(lines, numbered(40000 - lines.length, 39999));
  });
});

test('a line that one run leaves unfinished is not joined to the next run’s', async () => {
  await withScript('printf unfinished', {}, async (container) => {
    await container.wait();
    await container.start();
    await container.wait();
    assert.deepEqual(await linesOf(container, {}), ['stdout unfinished', 'stdout unfinished']);
  });
});

test('logs --since takes the time that --timestamps prints', async () => {
  await withScript('echo a; read wait; echo b', { openStdin: true }, async (container) => {
    const entries = container.logs({ follow: true })[Symbol.asyncIterator]();
    const first = (await entries.next()).value as { time: bigint };
    await entries.return?.();
    assert.deepEqual(await linesOf(container, { since: first.time }), ['stdout a\n']);
    assert.deepEqual(await linesOf(container, { since: first.time + 1n }), []);
    assert.deepEqual(await linesOf(container, { until: first.time - 1n }), []);
  });
});

test('warren logs finds a container by its name, and says which it does not find', async () => {
  const { href } = new URL('../../src/cli/main.js', import.meta.url);
  const command = async (...args: string[]): Promise<{ stdout: string; stderr: string }> => {
    const script = `
      const { dispatch } = await import(${JSON.stringify(href)});
      await dispatch(['logs', ...process.argv.slice(1)]).catch((error) => console.error(error.code));`;
    const { stdout, stderr } = await execute(
      process.execPath,
      ['--input-type=module', '-e', script, '--', ...args],
      { env: { ...process.env, WARREN_STATE: root } },
    );
    return { stdout, stderr };
  };
  await withScript('echo out; echo err >&2', { name: 'teller' }, async (container) => {
    await container.wait();
    assert.deepEqual(await command('teller'), { stdout: 'out\n', stderr: 'err\n' });
    assert.deepEqual(await command('teller', '--tail', '0'), { stdout: '', stderr: '' });
    const { stdout } = await command('teller', '-t');
    assert.match(stdout, /^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{9}Z out\n$/);
  });
  assert.deepEqual(await command('teller'), { stdout: '', stderr: 'ERR_CONTAINER_NOT_FOUND\n' });
});
