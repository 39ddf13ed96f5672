/** `warren cp` as a process: streams, messages, exit codes, interrupts. */
import assert from 'node:assert/strict';
import { execFileSync, spawn, type ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import { mkdirSync, readFileSync, readdirSync, utimesSync, watch, writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { text } from 'node:stream/consumers';
import { fileURLToPath, pathToFileURL } from 'node:url';
import { after, test } from 'node:test';
import { parseCopyOperands } from '../../src/cli/commands/cp-request.js';
import { assertFakeHost } from '../support/fake-host.js';
import { scratch, sh } from './support.js';

assertFakeHost();

const base = scratch();
after(() => {
  base[Symbol.dispose]();
});
const root = join(base.path, 'root');
mkdirSync(join(root, 'srv'), { recursive: true });
writeFileSync(join(root, 'hello'), 'hello\n');
// A time without a fraction needs no pax header.
utimesSync(join(root, 'hello'), 1_000_000_000, 1_000_000_000);

const cp = pathToFileURL(join(dirname(fileURLToPath(import.meta.url)), '../../src/cli/commands/cp.js')).href;

/** What the command does with a container whose root is `root`, in a process of its own. */
function start(...operands: string[]): ChildProcess {
  const request = JSON.stringify(parseCopyOperands(operands));
  const script = `
    const { copy } = await import(${JSON.stringify(cp)});
    try { process.exitCode = await copy({ path: ${JSON.stringify(root)} }, ${request}, {}, false); }
    catch (error) { process.stderr.write(error.code + '\\n'); process.exitCode = 1; }
    process.exit();`;
  return spawn(process.execPath, ['--input-type=module', '-e', script], { cwd: base.path });
}

async function finish(
  child: ChildProcess,
  input?: Buffer,
): Promise<{ code: number; out: Buffer; err: string }> {
  child.stdin?.end(input ?? '');
  const parts: Buffer[] = [];
  child.stdout?.on('data', (part: Buffer) => parts.push(part));
  assert.ok(child.stderr);
  const [err, [code]] = await Promise.all([text(child.stderr), once(child, 'close') as Promise<[number]>]);
  return { code, out: Buffer.concat(parts), err };
}

test('cp copies out and in, and says how much', async () => {
  const out = await finish(start('web:/hello', 'here'));
  assert.deepEqual([out.code, out.err], [0, `Successfully copied 2.05kB to ${join(base.path, 'here')}\n`]);
  assert.equal(readFileSync(join(base.path, 'here'), 'utf8'), 'hello\n');
  const back = await finish(start('./here', 'web:/srv/'));
  assert.deepEqual([back.code, back.err], [0, 'Successfully copied 2.05kB to web:/srv/\n']);
  assert.equal(readFileSync(join(root, 'srv/here'), 'utf8'), 'hello\n');
});

test('cp writes a tar stream to standard output and takes one from standard input', async () => {
  const { code, out } = await finish(start('web:/hello', '-'));
  assert.equal(code, 0);
  assert.equal(execFileSync('tar', ['-xO'], { input: out, encoding: 'utf8' }), 'hello\n');
  mkdirSync(join(root, 'unpacked'));
  assert.equal((await finish(start('-', 'web:/unpacked'), out)).code, 0);
  assert.equal(readFileSync(join(root, 'unpacked/hello'), 'utf8'), 'hello\n');
});

test('cp names what it leaves out, and fails where a copy is not whole', async () => {
  sh('mkdir -p odd; mknod odd/null c 1 3; echo > odd/file', root);
  const { code, err } = await finish(start('web:/odd', 'odd'));
  assert.equal(code, 0);
  assert.match(err, /left out: "odd\/null": it is a device/);
  assert.deepEqual(readdirSync(join(base.path, 'odd')), ['file']);
});

test('cp fails for a stream that is no archive', async () => {
  const { code, err } = await finish(start('-', 'web:/srv'), Buffer.alloc(2000, 'x'));
  assert.deepEqual([code, err], [1, 'ERR_TAR\n']);
});

test('cp that is interrupted ends, and leaves no temporary file', async () => {
  for (const [signal, expected] of [
    ['SIGINT', 130],
    ['SIGTERM', 143],
  ] as const) {
    const directory = join(root, signal);
    mkdirSync(directory);
    writeFileSync(join(base.path, 'large'), Buffer.alloc(200_000, 'l'));
    const archive = execFileSync('tar', ['-c', '-C', base.path, 'large']);
    const watcher = watch(directory);
    const child = start('-', `web:/${signal}`);
    const begun = once(watcher, 'change');
    child.stdin?.write(archive.subarray(0, 100_000));
    await begun;
    // The end of its standard input never comes.
    child.kill(signal);
    const [code] = (await once(child, 'exit')) as [number];
    watcher.close();
    assert.equal(code, expected);
    assert.deepEqual(readdirSync(directory), []);
  }
});
