/** What a container can get hold of: descriptors, the launcher's program, memory, names, terminals of the host. */
import assert from 'node:assert/strict';
import { execFileSync, spawn } from 'node:child_process';
import { createHash } from 'node:crypto';
import {
  closeSync,
  mkdtempSync,
  openSync,
  readFileSync,
  readdirSync,
  readlinkSync,
  rmSync,
  symlinkSync,
  writeFileSync,
  writeSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { test } from 'node:test';
import { plan, run, start, type RunOptions } from '../../src/index.js';
import { finish, onTerminal, repositoryRoot, warrenPath } from '../support/cli.js';
import { hold } from '../support/container.js';
import { assertFakeHost } from '../support/fake-host.js';
import { busyboxRootfs } from '../support/rootfs.js';

assertFakeHost();

const small = busyboxRootfs();
const outside = mkdtempSync(join(tmpdir(), 'warren-outside-'));
writeFileSync(join(outside, 'secret'), 'of the host');
process.on('exit', () => {
  small[Symbol.dispose]();
  rmSync(outside, { recursive: true });
});
const rootfs = small.path;

async function sh(script: string, options: RunOptions = {}): Promise<string> {
  return (await run(['sh', '-c', script], { rootfs, ...options })).stdout;
}

const launcherFile = join(repositoryRoot, `prebuilds/linux-${process.arch}/warren-launcher`);
const launcherHash = (): string => createHash('sha256').update(readFileSync(launcherFile)).digest('hex');

/** Tries to write to every copy of the launcher in sight, and to make it unusable for others. */
const attackLaunchers = `
  for process in /proc/[0-9]*; do
    case "$(readlink $process/exe)" in
      *warren-launcher*) ;;
      *) continue ;;
    esac
    echo seen
    (exec 9>>$process/exe) 2>/dev/null && echo opened for appending
    (exec 9<>$process/exe) 2>/dev/null && echo opened for writing
    chmod 0 $process/exe 2>/dev/null && echo made unusable
    truncate -s 0 $process/exe 2>/dev/null && echo emptied
  done
  echo done
`;

test('CVE-2019-5736: a container cannot write to the launcher, or take its x bits, where it sees one: as process 1', async () => {
  const before = launcherHash();
  assert.equal(await sh(attackLaunchers, { init: true }), 'seen\ndone');
  assert.equal(await sh(attackLaunchers, { init: true, privileged: true }), 'seen\ndone');
  assert.equal(launcherHash(), before);
  assert.equal(await sh('echo still works'), 'still works');
});

test('CVE-2019-5736: a container cannot write to the launcher, or take its x bits, where it sees one: its parent', async () => {
  const before = launcherHash();
  assert.match(await sh(attackLaunchers, { pid: 'host', privileged: true }), /^(?:seen\n)+done$/);
  assert.equal(launcherHash(), before);
  assert.equal(await sh('echo still works'), 'still works');
});

test('CVE-2019-5736: a container whose command is /proc/self/exe runs nothing that it could change', async () => {
  const before = launcherHash();
  symlinkSync('/proc/self/exe', join(rootfs, 'bin/exe'));
  writeFileSync(join(rootfs, 'bin/script'), '#!/proc/self/exe\n', { mode: 0o755 });
  for (const command of ['/proc/self/exe', '/bin/exe', '/bin/script']) {
    const { exitCode } = await run([command], { rootfs, rejectOnFailure: false });
    assert.equal(exitCode, 125, command);
  }
  assert.equal(launcherHash(), before);
});

test('CVE-2019-5736: the launcher’s copy is sealed: not even we can write to it', () => {
  const fd = readdirSync('/proc/self/fd').find((name) => {
    try {
      return readlinkSync(`/proc/self/fd/${name}`).includes('warren-launcher');
    } catch {
      return false;
    }
  });
  const copy = openSync(`/proc/self/fd/${fd ?? assert.fail('no copy')}`, 'r+');
  try {
    assert.throws(() => writeSync(copy, 'x'), { code: 'EPERM' });
  } finally {
    closeSync(copy);
  }
});

test('CVE-2024-21626: the command has descriptors 0, 1 and 2 and no other, whatever the caller has open', async () => {
  const script = `
    import { run } from ${JSON.stringify(join(import.meta.dirname, '../../src/index.js'))};
    const options = JSON.parse(process.argv[1]);
    // By another process: a shell that looks at itself opens something to look.
    for (const more of [{}, { init: true }, { tty: true }, { pid: 'host' }, { uidMap: ['0:100000:65536'] }]) {
      const { stdout } = await run(['sh', '-c', 'ls /proc/$$/fd; true'], { ...options, ...more });
      console.log(stdout.split(/\\s+/).join(' '));
    }
  `;
  // Descriptors of a shell's redirections are not close-on-exec, and Node.js does not make them so.
  const child = spawn(
    'bash',
    [
      '-c',
      'exec 20</ 21</etc/passwd 40<>/dev/null 63</ 64</ 70</proc 200</; exec "$@"',
      'bash',
      process.execPath,
      '--input-type=module',
      '--eval',
      script,
      JSON.stringify({ rootfs }),
    ],
    { stdio: 'pipe' },
  );
  const { stdout, stderr } = await finish(child);
  assert.deepEqual(stdout.trim().split('\n'), Array(5).fill('0 1 2'), stderr);
});

test('CVE-2024-21626: a working directory that is one of our descriptors leads nowhere outside the root', async () => {
  const climb = `cat ${'../'.repeat(12)}${outside.slice(1)}/secret 2>/dev/null`;
  symlinkSync('/proc/self/fd', join(rootfs, 'descriptors'));
  for (let fd = 0; fd < 48; fd++) {
    for (const workdir of [`/proc/self/fd/${fd}`, `/descriptors/${fd}/../../..`]) {
      const options: RunOptions = { rootfs, workdir, rejectOnFailure: false };
      const result = await run(['sh', '-c', `${climb}; readlink /proc/self/cwd`], options).catch(
        (error: unknown) => error as Error,
      );
      if (result instanceof Error) {
        assert.equal((result as { code?: string }).code, 'ERR_STEP', result.message);
        assert.match(result.message, /change to \/(?:proc|descriptors)/);
      } else {
        assert.ok(!result.stdout.includes('of the host'), `${workdir} leads out`);
        assert.match(result.stdout, /^\//, workdir);
      }
    }
  }
});

test('CVE-2024-21626: a command below one of our descriptors is not run', async () => {
  for (let fd = 3; fd < 48; fd++) {
    for (const up of ['', '../../../../..'] as const) {
      await assert.rejects(run([`/proc/self/fd/${fd}/${up}${outside}/../../bin/true`], { rootfs }), {
        code: /^ERR_COMMAND_NOT_(?:FOUND|EXECUTABLE)$/,
      });
    }
  }
});

test('CVE-2022-29162: the inheritable and ambient capabilities of a command are empty', async () => {
  for (const options of [{}, { user: 'guest' }, { privileged: true }, { caps: { add: ['NET_ADMIN'] } }]) {
    const status = await sh('cat /proc/self/status', options);
    assert.match(status, /^CapInh:\t0{16}$/m);
    assert.match(status, /^CapAmb:\t0{16}$/m);
  }
});

test('CVE-2020-15257: nothing of ours listens on an abstract socket', async () => {
  const abstract = (text: string): string[] =>
    text.split('\n').flatMap((line) => /\s(@\S*)$/.exec(line)?.[1] ?? []);
  const before = abstract(readFileSync('/proc/net/unix', 'latin1'));
  const container = await hold({ rootfs, network: 'host', init: true });
  try {
    assert.deepEqual(abstract(readFileSync('/proc/net/unix', 'latin1')), before);
    assert.deepEqual(abstract(await sh('cat /proc/net/unix', { network: 'host' })), before);
    assert.deepEqual(abstract(await sh('cat /proc/net/unix')), []);
  } finally {
    await container[Symbol.asyncDispose]();
  }
});

test('CVE-2016-9962: a process that joins others’ namespaces is born undumpable, so that they cannot trace it', async () => {
  const container = await hold({ rootfs });
  try {
    const { steps } = await plan(['true'], { rootfs, pid: `pid:${container.pid}` });
    assert.ok(steps.some((step) => step.op === 'clone' && step.undumpable));
    // One that lies in wait for what comes into its PID namespace, and looks at its descriptors and its root.
    const spy = await start(
      [
        'sh',
        '-c',
        `echo ready
        while :; do
          for process in /proc/[0-9]*; do
            case "$(readlink $process/exe 2>/dev/null)" in *warren-launcher*)
              echo "seen: $(ls $process/fd $process/root 2>/dev/null | tr '\\n' ' ')" ;;
            esac
          done
        done`,
      ],
      { rootfs, pid: `pid:${container.pid}` },
    );
    const lines: string[] = [];
    const reading = (async () => {
      for await (const line of spy.lines()) lines.push(line);
    })();
    for (let round = 0; round < 20; round++) await run(['true'], { rootfs, pid: `pid:${container.pid}` });
    spy.kill('SIGKILL');
    await spy.wait();
    await reading;
    assert.deepEqual(new Set(lines), new Set(['ready']));
  } finally {
    await container[Symbol.asyncDispose]();
  }
});

test('the environment of the caller is nowhere in the container', async () => {
  process.env['WARREN_TEST_SECRET'] = 'of-the-caller';
  try {
    for (const options of [{}, { init: true }, { tty: true }] as const) {
      const all = await sh(
        'for process in /proc/[0-9]*; do tr "\\0" "\\n" <$process/environ; done; env',
        options,
      );
      assert.ok(!all.includes('of-the-caller'));
      const names = new Set(all.split(/\r?\n/).map((line) => line.replace(/=.*/, '')));
      assert.deepEqual(
        [...names].filter((name) => !['PATH', 'HOSTNAME', 'HOME', 'TERM', 'PWD', 'SHLVL', ''].includes(name)),
        [],
      );
    }
  } finally {
    delete process.env['WARREN_TEST_SECRET'];
  }
});

test('TIOCSTI: a terminal of the caller is not handed to a container by the library', async () => {
  const terminal = openSync('/dev/ptmx', 'r+');
  try {
    for (const stream of ['stdin', 'stdout', 'stderr'])
      await assert.rejects(start(['true'], { rootfs, [stream]: terminal }), { code: 'ERR_STDIO_TERMINAL' });
  } finally {
    closeSync(terminal);
  }
});

test('TIOCSTI: under a terminal, the command is in a session of its own and has no way to that terminal', async () => {
  const session = onTerminal([
    warrenPath,
    'run',
    '-i',
    '--rootfs',
    rootfs,
    '--',
    'sh',
    '-c',
    // Fields 6 and 7 of proc_pid_stat(5): the session, and its terminal.
    'cut -d" " -f6,7 /proc/1/stat; for fd in 0 1 2; do test -t $fd && echo a terminal; done; (: </dev/tty) 2>&1',
  ]);
  await session.end();
  assert.match(session.screen(), /^1 0\r?\n/m);
  assert.doesNotMatch(session.screen(), /a terminal/);
  assert.match(session.screen(), /No such device or address/);
});

test('TIOCSTI: the terminal of a container with -t is its own', async () => {
  const host = readlinkSync('/proc/self/ns/mnt');
  const session = onTerminal([
    warrenPath,
    'run',
    '-it',
    '--rootfs',
    rootfs,
    '--',
    'sh',
    '-c',
    'tty; ls /dev/pts',
  ]);
  await session.end();
  assert.match(session.screen(), /\/dev\/(?:console|pts\/0)\s/);
  assert.match(session.screen(), /\b0\s+ptmx\b/);
  assert.equal(readlinkSync('/proc/self/ns/mnt'), host);
});

test('set-user-ID programs and capabilities of a caller’s are no way around: no new privileges holds', async () => {
  execFileSync('cp', [join(rootfs, 'bin/busybox'), join(rootfs, 'bin/id-as-root')]);
  execFileSync('chmod', ['4755', join(rootfs, 'bin/id-as-root')]);
  const status = await sh('cat /proc/self/status', { user: 'guest', noNewPrivileges: true });
  assert.match(status, /^NoNewPrivs:\t1$/m);
  assert.match(status, /^CapEff:\t0{16}$/m);
});
