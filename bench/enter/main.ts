/**
 * What entering namespaces and listing them costs, next to others' in the same run. Prints Markdown; says how far it is on
 * standard error.
 *
 *   npm run bench -- enter [--quick]
 */
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { readFileSync, readdirSync, readlinkSync } from 'node:fs';
import { cpus, release } from 'node:os';
import { join, resolve } from 'node:path';
import { parseArgs } from 'node:util';
import { readNamespaces } from '../../src/explore/namespaces/index.js';
import { enter } from '../../src/runtime/enter/index.js';
import { measureRounds, type Subject, type Summary } from '../start/measure.js';

const { values } = parseArgs({ options: { quick: { type: 'boolean', default: false } } });
const effort = values.quick ? { rounds: 30, warmUp: 5, lists: 5 } : { rounds: 300, warmUp: 30, lists: 30 };

// build-bench/bench/enter/main.js
const checkout = resolve(import.meta.dirname, '../../..');
const say = (text: string): void => void process.stderr.write(text);

const quiet = { stdin: 'ignore', stdout: 'ignore', stderr: 'ignore' } as const;

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

function library(name: string, pid: number, kinds: readonly 'net'[] | undefined): Subject {
  return {
    name,
    async once() {
      const { exitCode } = await (await enter(pid, kinds, ['/bin/true'], quiet)).wait();
      if (exitCode !== 0) throw new Error(`${name} ended with ${exitCode}`);
    },
  };
}

const warren = join(checkout, 'warren');
const target = await holdTarget();
const { pid } = target;
const nets = ['--target', String(pid)];

let entering: Summary[];
try {
  say(`bench: entering, ${effort.rounds} rounds `);
  entering = await measureRounds(
    [
      library('library, network only', pid, ['net']),
      library('library, all namespaces', pid, undefined),
      external('`warren enter --net -- true`', [warren, 'enter', String(pid), '--net', '--', '/bin/true']),
      external('`warren enter --all -- true`', [warren, 'enter', String(pid), '--all', '--', '/bin/true']),
      external('`nsenter --net true`', ['nsenter', ...nets, '--net', '/bin/true']),
      external('`nsenter --all true`', ['nsenter', ...nets, '--all', '/bin/true']),
    ],
    { rounds: effort.rounds, warmUp: effort.warmUp, onRound: progress(effort.rounds) },
  );
} finally {
  await target.end();
}

const listing: (readonly [count: number, summaries: Summary[], cpu: string])[] = [];
for (const count of [10, 1000]) {
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
    listing.push([count, summaries, await cpuOfList()]);
  } finally {
    await held.end();
  }
}
say('\n');

process.stdout.write(
  [
    `${new Date().toISOString().slice(0, 10)}, Linux ${release()}, ${cpus().length} × ${cpus()[0]?.model ?? 'CPU'}, Node ${process.version}: \`npm run bench -- enter${values.quick ? ' --quick' : ''}\``,
    'Entering a process’s namespaces → exit of `true`:',
    table(entering),
    ...listing.flatMap(([count, summaries, cpu]) => [
      `Listing, with ${count} network namespaces more (and as many UTS ones): CPU of the library ${cpu}`,
      table(summaries),
    ]),
    '',
  ].join('\n\n'),
);

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
