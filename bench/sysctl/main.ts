/**
 * What reading parameters of another namespace costs, next to sysctl(8) in nsenter(1). Prints Markdown.
 *
 *   npm run bench -- sysctl [--quick]
 */
import { spawn, spawnSync } from 'node:child_process';
import { closeSync, openSync } from 'node:fs';
import { once } from 'node:events';
import { join, resolve } from 'node:path';
import { parseArgs } from 'node:util';
import { Place, diffPlaces, probeSysctls, whySysctl } from '../../src/explore/sysctl/index.js';
import { NetworkSysctls } from '../../src/kernel/sysctl-files.js';
import { plan, readSysctl } from '../../src/index.js';
import { sysctlTools as tools } from '../../src/runtime/throw-away.js';
import { release } from 'node:os';
import { measureRounds, type Subject } from '../start/measure.js';

const { values } = parseArgs({ options: { quick: { type: 'boolean', default: false } } });
const effort = values.quick ? { rounds: 5, warmUp: 1 } : { rounds: 40, warmUp: 5 };
// build-bench/bench/sysctl/main.js
const warren = join(resolve(import.meta.dirname, '../../..'), 'warren');
const key = 'net/ipv4/tcp_keepalive_time';

const held = await tools.makeNamespace(['net'], 'net');
const file = `/proc/${process.pid}/fd/${held}`;
const count = new NetworkSysctls(held).keys().length;

const ten = Object.fromEntries(
  ['rmem', 'wmem', 'sack', 'ecn', 'timestamps', 'fastopen', 'frto', 'dsack', 'recovery', 'tw_reuse'].map(
    (name, index) => [`net.ipv4.tcp_${name}`, index < 2 ? '4096 131072 6291456' : '1'],
  ),
);

const program = (name: string, command: string, args: readonly string[]): Subject => ({
  name,
  async once() {
    const child = spawn(command, args, { stdio: 'ignore' });
    await once(child, 'exit');
  },
});

function readAll(): void {
  const fd = openSync(file, 'r');
  const files = new NetworkSysctls(fd);
  files.readMany(files.keys());
  files.close();
  closeSync(fd);
}

const subjects: Subject[] = [
  { name: `library: list and read all ${count} keys of a namespace`, once: async () => readAll() },
  program('`nsenter --net=… sysctl -a --pattern ^net`', 'nsenter', [
    `--net=${file}`,
    'sysctl',
    '-a',
    '--pattern',
    '^net',
  ]),
  program('`./warren sysctl ls --in …`', warren, ['sysctl', 'ls', '--in', file]),
  {
    name: 'library: 1,000 gets in a namespace that is held',
    async once() {
      const place = await Place.open(file, tools);
      for (let index = 0; index < 1000; index++) await place.read(key);
      place.close();
    },
  },
  {
    name: 'library: `readSysctl()` with `in`, once (a launcher each)',
    once: async () => {
      await readSysctl(key, { in: file });
    },
  },
  program('`nsenter --net=… sysctl -n KEY`, once', 'nsenter', [
    `--net=${file}`,
    'sysctl',
    '-n',
    'net.ipv4.tcp_keepalive_time',
  ]),
  {
    name: 'library: diff of a namespace and a fresh one',
    async once() {
      const [a, b] = [await Place.open(file, tools), await Place.fresh(tools)];
      await diffPlaces(a, b, (path) => path.startsWith('net/'));
      a.close();
      b.close();
    },
  },
  {
    name: 'library: `why` of one key',
    once: async () => {
      await whySysctl(key, tools, { release: release() });
    },
  },
  {
    name: 'library: probe of every key',
    once: async () => {
      await probeSysctls(tools, { release: release() });
    },
  },
  {
    name: 'plan of a start without parameters',
    once: async () => {
      await plan(['true']);
    },
  },
  {
    name: 'plan of a start with ten, none of them a “safe” one',
    once: async () => {
      await plan(['true'], { sysctls: ten });
    },
  },
];

try {
  spawnSync('true');
  const summaries = await measureRounds(subjects, effort);
  const rows = summaries.map(
    ({ name, minMs, medianMs, p95Ms }) =>
      `| ${name} | ${medianMs.toFixed(2)} | ${p95Ms.toFixed(2)} | ${minMs.toFixed(2)} |`,
  );
  process.stdout.write(
    `Linux ${release()}, Node ${process.versions.node}, ${effort.rounds} rounds in shuffled order:\n\n| | median ms | p95 | min |\n| --- | --: | --: | --: |\n${rows.join('\n')}\n`,
  );
} finally {
  closeSync(held);
}
