/**
 * What entering namespaces and listing them costs, next to others' in the same run. Prints Markdown; says how far it is on
 * standard error.
 *
 *   npm run bench -- enter [--quick]
 *
 * Everything happens in mount, network and PID namespaces of its own, with a /run, a /dev/shm and a /var/lib of their own: the
 * server of docker, and whatever it leaves, ends with this process. Only control groups are the machine's; they are removed here.
 */
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdtempSync, readFileSync, readdirSync, readlinkSync, rmSync, symlinkSync } from 'node:fs';
import { cpus, release, tmpdir } from 'node:os';
import { join, resolve } from 'node:path';
import { parseArgs } from 'node:util';
import { readNamespaces } from '../../src/explore/namespaces/index.js';
import { enter } from '../../src/runtime/enter/index.js';
import { runInside } from '../inside.js';
import { makeCommand } from '../life/command.js';
import { startDaemon, type Daemon } from '../life/daemon.js';
import { measureRounds, type Subject, type Summary } from '../start/measure.js';
import { makeRootfs } from '../start/rootfs.js';

const { values } = parseArgs({ options: { quick: { type: 'boolean', default: false } } });
const effort = values.quick ? { rounds: 30, warmUp: 5, lists: 5 } : { rounds: 300, warmUp: 30, lists: 30 };

// build-bench/bench/enter/main.js
const checkout = resolve(import.meta.dirname, '../../..');
const say = (text: string): void => void process.stderr.write(text);

const quiet = { stdin: 'ignore', stdout: 'ignore', stderr: 'ignore' } as const;

const warren = join(checkout, 'warren');
/** Docker's, beside the process that the others enter. */
const container = 'entered';

// Where others keep what no option of theirs moves elsewhere: /var/lib too.
await runInside('enter', ['/run', '/dev/shm', '/var/lib'], measure);

async function measure(parent: string): Promise<void> {
  // scripts/bench.sh removes what is in $TMPDIR, also when this process is killed.
  const scratch = mkdtempSync(join(tmpdir(), 'enter-'));
  const missing: string[] = [];
  let entering: Summary[];
  let daemon: Daemon | undefined;
  const target = await holdTarget();
  try {
    const peers: Subject[] = [];
    try {
      daemon = await startDaemon(scratch);
      peers.push(await dockerSubject(daemon, scratch, parent));
    } catch (error) {
      missing.push((error as Error).message.replaceAll(scratch, '…'));
    }
    entering = await measureEntering(target.pid, peers);
    if (daemon) await removeContainer(daemon, scratch);
  } finally {
    await target.end();
    await daemon?.stop();
    rmSync(scratch, { recursive: true, force: true });
  }
  const listing = [await measureListing(10), await measureListing(1000)];
  say('\n');
  process.stdout.write(
    [
      `${new Date().toISOString().slice(0, 10)}, Linux ${release()}, ${cpus().length} × ${cpus()[0]?.model ?? 'CPU'}, Node ${process.version}: \`npm run bench -- enter${values.quick ? ' --quick' : ''}\``,
      'Entering a process’s namespaces → exit of `true`:',
      table(entering),
      ...listing.flatMap(({ count, summaries, cpu }) => [
        `Listing, with ${count} network namespaces more (and as many UTS ones): CPU of the library ${cpu}`,
        table(summaries),
      ]),
      ...(missing.length === 0 ? [] : [`Left out: ${missing.join('; ')}.`]),
      '',
    ].join('\n\n'),
  );
}

async function measureEntering(pid: number, peers: readonly Subject[]): Promise<Summary[]> {
  const nets = ['--target', String(pid)];
  say(`bench: entering, ${effort.rounds} rounds `);
  return measureRounds(
    [
      libraryCall('library, network only, until `true` executes', pid),
      library('library, network only', pid, ['net']),
      library('library, all namespaces', pid, undefined),
      external('`warren enter --net -- true`', [warren, 'enter', String(pid), '--net', '--', '/bin/true']),
      external('`warren enter --all -- true`', [warren, 'enter', String(pid), '--all', '--', '/bin/true']),
      external('`nsenter --net true`', ['nsenter', ...nets, '--net', '/bin/true']),
      external('`nsenter --all true`', ['nsenter', ...nets, '--all', '/bin/true']),
      ...peers,
    ],
    { rounds: effort.rounds, warmUp: effort.warmUp, onRound: progress(effort.rounds) },
  );
}

async function dockerSubject(daemon: Daemon, scratch: string, parent: string): Promise<Subject> {
  const docker = makeCommand('docker', ['--host', daemon.host], scratch);
  const rootfs = makeRootfs(join(scratch, 'root'));
  symlinkSync('busybox', join(rootfs, 'bin/sleep'));
  const tar = join(scratch, 'root.tar');
  await makeCommand('tar', [], scratch)('-C', rootfs, '-cf', tar, '.');
  await docker('import', tar, 'bench');
  const options = ['--name', container, '--network', 'none', '--cgroup-parent', parent];
  // Long enough for any of it; it does not end by itself.
  await docker('run', '-d', ...options, 'bench', 'sleep', '100000');
  return { name: '`docker exec … true`', once: async () => docker('exec', container, 'true') };
}

async function removeContainer({ host }: Daemon, scratch: string): Promise<void> {
  await makeCommand('docker', ['--host', host], scratch)('rm', '-f', container);
}

async function measureListing(
  count: number,
): Promise<{ readonly count: number; readonly summaries: readonly Summary[]; readonly cpu: string }> {
  const held = await holdTarget(count);
  try {
    await waitForNamespaces(count);
    say(`\nbench: listing ${count} namespaces `);
    const summaries = await measureRounds(
      [
        {
          name: 'library',
          async once() {
            await readNamespaces();
          },
        },
        external('`warren ns ls`', [warren, 'ns', 'ls']),
        external('`lsns`', ['lsns']),
      ],
      { rounds: effort.lists, warmUp: 1, onRound: progress(effort.lists) },
    );
    return { count, summaries, cpu: await cpuOfList() };
  } finally {
    await held.end();
  }
}

/** A process in namespaces of its own, that ends with us. */
async function holdTarget(count = 1): Promise<{ readonly pid: number; end(): Promise<void> }> {
  // Each child is a namespace more; they end with their common parent's pipe.
  const script = `for i in $(seq ${count - 1}); do unshare --net --uts cat <&3 & done; echo ready; exec cat`;
  const holder = spawn(
    'unshare',
    [
      '--mount',
      '--uts',
      '--ipc',
      '--net',
      '--pid',
      '--fork',
      '--mount-proc',
      'sh',
      '-c',
      `exec 3<&0; ${script}`,
    ],
    { stdio: ['pipe', 'pipe', 'inherit'] },
  );
  for await (const chunk of holder.stdout) if (String(chunk).includes('ready')) break;
  const exited = once(holder, 'exit');
  const pid = childOf(holder.pid ?? 0);
  return {
    pid,
    async end() {
      holder.stdin.end();
      await exited;
    },
  };
}

/** unshare(1) stays as the parent of what is in the PID namespace. */
function childOf(pid: number): number {
  return Number(readFileSync(`/proc/${pid}/task/${pid}/children`, 'latin1').split(' ')[0]);
}

function external(name: string, command: readonly string[]): Subject {
  const [file = '', ...args] = command;
  return {
    name,
    async once() {
      const child = spawn(file, args, { stdio: 'ignore' });
      const [code] = (await once(child, 'exit')) as [number | null];
      if (code !== 0) throw new Error(`${name} ended with ${code}`);
    },
  };
}

/** Only until the command executes: what comes after is the command's. */
function libraryCall(name: string, pid: number): Subject {
  let entered: Awaited<ReturnType<typeof enter>> | undefined;
  return {
    name,
    async once() {
      entered = await enter(pid, ['net'], ['/bin/true'], quiet);
    },
    async after() {
      const exit = await entered?.wait();
      if (exit?.exitCode !== 0) throw new Error(`${name} ended with ${exit?.exitCode ?? 'nothing'}`);
    },
  };
}

function library(name: string, pid: number, kinds: readonly 'net'[] | undefined): Subject {
  return {
    name,
    async once() {
      const { exitCode } = await (await enter(pid, kinds, ['/bin/true'], quiet)).wait();
      if (exitCode !== 0) throw new Error(`${name} ended with ${exitCode}`);
    },
  };
}

function progress(rounds: number): (done: number) => void {
  return (done) => {
    if (done % Math.ceil(rounds / 10) === 0) say('.');
  };
}

/** The children of the holder come up in their own time. */
async function waitForNamespaces(count: number): Promise<void> {
  const own = readlinkSync('/proc/self/ns/net');
  for (;;) {
    const links = new Set<string>();
    for (const name of readdirSync('/proc')) {
      if (!/^\d+$/.test(name)) continue;
      try {
        links.add(readlinkSync(`/proc/${name}/ns/net`));
      } catch {
        // It has ended, or is a zombie.
      }
    }
    links.delete(own);
    if (links.size >= count) return;
    await new Promise((wake) => setTimeout(wake, 20));
  }
}

async function cpuOfList(): Promise<string> {
  const before = process.cpuUsage();
  await readNamespaces();
  const { user, system } = process.cpuUsage(before);
  return `${((user + system) / 1000).toFixed(0)} ms`;
}

function table(summaries: readonly Summary[]): string {
  const rows = summaries.map(({ name, medianMs, p95Ms, minMs }) => [
    name,
    ...[medianMs, p95Ms, minMs].map((value) => value.toFixed(2)),
  ]);
  return [['', 'median ms', 'p95', 'min'], ['---', '---:', '---:', '---:'], ...rows]
    .map((cells) => `| ${cells.join(' | ')} |`)
    .join('\n');
}
