/**
 * What networks cost, next to others in the same run. Prints Markdown; says how far it is on standard error.
 *
 *   npm run bench -- network [--quick]
 *
 * Everything happens in mount, network and PID namespaces of its own: nothing of this machine's network is touched. Only control
 * groups are the machine's; they are removed here.
 */
import { spawnSync } from 'node:child_process';
import { mkdirSync, mkdtempSync, rmSync } from 'node:fs';
import { cpus, release, tmpdir } from 'node:os';
import { join } from 'node:path';
import { parseArgs } from 'node:util';
import { runInside } from '../inside.js';
import type { Summary } from '../start/measure.js';
import { makeRootfs } from '../start/rootfs.js';
import { startDaemon, type Daemon } from '../life/daemon.js';
import { measureAttach, ours } from './attach.js';
import { measureMembers, measurePorts, type Growth } from './growth.js';
import type { Box } from './box.js';
import { runProgram } from './run-program.js';
import { concurrencies, measureStarts, packRoot } from './starts.js';
import { dockerPorts, measureTraffic, type DockerPair } from './traffic.js';

const { values } = parseArgs({ options: { quick: { type: 'boolean', default: false } } });
const effort = values.quick
  ? { rounds: 20, members: 900, ports: 10_000, seconds: 0.5, traffic: 1 }
  : { rounds: 300, members: 900, ports: 10_000, seconds: 4, traffic: 5 };
const say = (text: string): void => void process.stderr.write(text);
await runInside('network', ['/run', '/dev/shm'], measure);

async function measure(parent: string): Promise<void> {
  const scratch = mkdtempSync(join(tmpdir(), 'network-'));
  // Networks are kept below it as well.
  process.env['WARREN_STATE'] = join(scratch, 'state');
  const missing: string[] = [];
  let daemon: Daemon | undefined;
  try {
    mkdirSync('/run/netns');
    const loopback = spawnSync('ip', ['link', 'set', 'lo', 'up']);
    if (loopback.status !== 0) throw new Error('ip cannot set lo up');
    const rootfs = makeRootfs(join(scratch, 'root'));
    const dot = (): void => say('.');
    const { rounds } = effort;
    say(`bench: attach, ${rounds} rounds `);
    const attach = await measureAttach(scratch, rounds, (done) => {
      if (done % Math.ceil(rounds / 10) === 0) dot();
    });
    say('\nbench: growth');
    const members = await measureMembers(effort.members);
    const ports = await measurePorts(effort.ports);
    say('\nbench: traffic ');
    daemon = await startDaemon(scratch, '10.109.0.1/20').catch((error: unknown) => {
      missing.push((error as Error).message);
      return undefined;
    });
    const pair = daemon && startPair(daemon, { scratch, rootfs });
    const traffic = await measureTraffic(effort.traffic, pair, dot);
    if (daemon) docker(daemon, 'rm', '-f', 'server', 'member');
    say('\nbench: starts per second ');
    const { seconds } = effort;
    const starts = await measureStarts(
      { scratch, rootfs, cgroupParent: parent, seconds, docker: daemon },
      dot,
    );
    missing.push(...starts.missing);
    say('\n');
    const base = traffic[0] ?? { gbitPerSecond: NaN, connectionsPerSecond: NaN };
    process.stdout.write(
      [
        `${new Date().toISOString().slice(0, 10)}, Linux ${release()}, ${cpus().length} × ${cpus()[0]?.model ?? 'CPU'}, Node ${process.version}: \`npm run bench -- network${values.quick ? ' --quick' : ''}\``,
        `One attach: a pair on a bridge, loopback, address, default route, published port; ${rounds} rounds. The namespace, and the network with its NAT, are there:`,
        attachTable(attach),
        'One more of many, median ms; attach only, to namespaces without a process:',
        table([
          ['', 'few', 'many', 'ratio'],
          growthRow('attach to a network', members),
          growthRow('publish one more port', ports),
        ]),
        'Traffic, beside the same in the same run:',
        table([
          ['', 'Gbit/s', 'of the pair', 'connections/s', 'of the pair'],
          ...traffic.map(({ name, gbitPerSecond, connectionsPerSecond }) => [
            name,
            gbitPerSecond.toFixed(1),
            percent(gbitPerSecond / base.gbitPerSecond),
            connectionsPerSecond.toFixed(0),
            percent(connectionsPerSecond / base.connectionsPerSecond),
          ]),
        ]),
        'Starts per second of `true`, to its exit and removal, so many at a time:',
        table([
          ['', ...concurrencies.map(String)],
          ...starts.rates.map(({ name, rates }) => [
            name,
            ...concurrencies.map((_, index) => rates[index]?.toFixed(rates[index] < 10 ? 1 : 0) ?? ''),
          ]),
        ]),
        ...(missing.length === 0 ? [] : [`Left out: ${missing.join('; ')}.`]),
        '',
      ].join('\n\n'),
    );
  } finally {
    await daemon?.stop();
    rmSync(scratch, { recursive: true, force: true });
  }
}

function docker({ host }: Daemon, ...args: string[]): string {
  return runProgram('docker', ['--host', host, ...args]).trim();
}

/** Two that idle; the host's programs measure between their namespaces. */
function startPair(daemon: Daemon, place: { scratch: string; rootfs: string }): DockerPair {
  docker(daemon, 'import', packRoot(place), 'idle');
  const start = (name: string, ports: readonly string[]): Pick<Box, 'pid'> => {
    docker(daemon, 'run', '-d', '--name', name, ...ports, 'idle', 'busybox', 'sleep', '3600');
    return { pid: Number(docker(daemon, 'inspect', '--format', '{{.State.Pid}}', name)) };
  };
  const [server, member] = [start('server', dockerPorts()), start('member', [])];
  const address = docker(daemon, 'inspect', '--format', '{{.NetworkSettings.IPAddress}}', 'server');
  return { server, member, address };
}

function attachTable(summaries: readonly Summary[]): string {
  const base = summaries.find(({ name }) => name === ours)?.medianMs ?? NaN;
  return table([
    ['', 'median ms', 'p95', 'min', 'ratio'],
    ...summaries.map(({ name, medianMs, p95Ms, minMs }) => [
      name,
      ...[medianMs, p95Ms, minMs, medianMs / base].map((value) => value.toFixed(2)),
    ]),
  ]);
}

function growthRow(name: string, { counts, medians }: Growth): string[] {
  const [few = NaN, many = NaN] = medians;
  return [
    name,
    `${few.toFixed(2)} (no. ${counts[0] ?? ''})`,
    `${many.toFixed(2)} (no. ${counts[1] ?? ''})`,
    (many / few).toFixed(2),
  ];
}

function percent(share: number): string {
  return `${(share * 100).toFixed(0)} %`;
}

function table(rows: readonly (readonly string[])[]): string {
  const [head = [], ...body] = rows;
  const rule = head.map((_, index) => (index === 0 ? '---' : '---:'));
  return [head, rule, ...body].map((cells) => `| ${cells.join(' | ')} |`).join('\n');
}
