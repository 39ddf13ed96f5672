/** What packets see of it: throughput and connections through our bridge and a published port, beside a pair made by hand. */
import { spawn, spawnSync } from 'node:child_process';
import { once } from 'node:events';
import { join } from 'node:path';
import {
  attachAll,
  createNetwork,
  detachAll,
  parsePortSpec,
  prepareNetworks,
} from '../../src/network/index.js';
import { makeBox, type Box } from './box.js';

export interface Traffic {
  readonly name: string;
  readonly gbitPerSecond: number;
  readonly connectionsPerSecond: number;
}

/** Containers of docker's, as far as their network is concerned. */
export interface DockerPair {
  readonly server: Pick<Box, 'pid'>;
  readonly member: Pick<Box, 'pid'>;
  readonly address: string;
}

/** What docker is to publish of the server: these of the host, by these of the container. */
export const dockerPorts = (): string[] => [IPERF, CONNECT].flatMap((port) => ['-p', `${port + 20}:${port}`]);

const script = join(import.meta.dirname, 'connections.js');
const IPERF = 5201;
const CONNECT = 5202;

/** @param docker Gives two containers of docker's, the first with the ports published as ours are; undefined: there is none. */
export async function measureTraffic(
  seconds: number,
  docker: DockerPair | undefined,
  onStep: () => void,
): Promise<Traffic[]> {
  await createNetwork('traffic', { subnets: ['10.104.0.0/24'] });
  const boxes: Box[] = [];
  const box = async (): Promise<Box> => {
    const made = await makeBox();
    boxes.push(made);
    return made;
  };
  try {
    const [server, member, left, right] = [await box(), await box(), await box(), await box()];
    const publish = [`${IPERF + 10}:${IPERF}`, `${CONNECT + 10}:${CONNECT}`].flatMap(parsePortSpec);
    const [attached] = await attachAll(
      await prepareNetworks([{ network: 'traffic' }], { publish }),
      { pid: server.pid },
      server.id,
    );
    await attachAll(await prepareNetworks([{ network: 'traffic' }]), { pid: member.pid }, member.id);
    wireByHand(left, right);
    const outside = await box();
    wireOutside(outside);
    const address = attached?.addresses[0]?.split('/')[0] ?? '';
    const ways = [
      { name: 'veth pair made by hand', from: left, to: right, address: '10.105.0.2', shift: 0 },
      { name: '**over the bridge**, container to container', from: member, to: server, address, shift: 0 },
      {
        name: '**through a published port**, from outside',
        from: outside,
        to: server,
        address: '10.106.0.1',
        shift: 10,
      },
      ...(docker
        ? [
            {
              name: 'docker’s bridge, container to container',
              from: docker.member,
              to: docker.server,
              address: docker.address,
              shift: 0,
            },
            {
              name: 'a port that docker publishes, from outside',
              from: outside,
              to: docker.server,
              address: '10.106.0.1',
              shift: 20,
            },
          ]
        : []),
    ];
    const found: Traffic[] = [];
    for (const { name, from, to, address: target, shift } of ways) {
      const iperf = await serve(to, ['iperf3', '-s', '-p', String(IPERF), '--forceflush'], /listening/);
      const gbitPerSecond = throughput(from, target, IPERF + shift, seconds);
      await iperf();
      onStep();
      const listener = await serve(to, [process.execPath, script, 'serve', String(CONNECT)], /ready/);
      const connectionsPerSecond = Number(
        within(from, [process.execPath, script, target, String(CONNECT + shift), String(seconds)]),
      );
      await listener();
      onStep();
      found.push({ name, gbitPerSecond, connectionsPerSecond });
    }
    await detachAll(server.id);
    await detachAll(member.id);
    return found;
  } finally {
    for (const each of boxes) await each.end();
  }
}

function within(box: Pick<Box, 'pid'> | undefined, command: readonly string[]): string {
  const words = box ? ['nsenter', '--net', '--target', String(box.pid), ...command] : command;
  const [file = '', ...args] = words;
  const { status, stdout, stderr, error } = spawnSync(file, args, { encoding: 'utf8', timeout: 60_000 });
  if (status !== 0) throw error ?? new Error(`${words.join(' ')}: ${stderr}${stdout}`);
  return stdout;
}

function throughput(from: Pick<Box, 'pid'>, address: string, port: number, seconds: number): number {
  const text = within(from, [
    'iperf3',
    '-J',
    '-c',
    address,
    '-p',
    String(port),
    '-t',
    String(Math.ceil(seconds)),
  ]);
  const { end } = JSON.parse(text) as { end: { sum_received: { bits_per_second: number } } };
  return end.sum_received.bits_per_second / 1e9;
}

/** @returns What ends it. */
async function serve(
  box: Pick<Box, 'pid'>,
  command: readonly string[],
  ready: RegExp,
): Promise<() => Promise<void>> {
  const child = spawn('nsenter', ['--net', '--target', String(box.pid), ...command], {
    stdio: ['ignore', 'pipe', 'inherit'],
  });
  const ended = once(child, 'exit');
  await new Promise<void>((resolve, reject) => {
    // Read to its end: a server that prints must not find its reader gone.
    child.stdout.on('data', (chunk) => {
      if (ready.test(String(chunk))) resolve();
    });
    child.once('exit', () => {
      reject(new Error(`${command.join(' ')} ended`));
    });
  });
  return async () => {
    child.kill('SIGKILL');
    await ended;
  };
}

function wireByHand(left: Box, right: Box): void {
  const pair = ['type', 'veth', 'peer', 'name', 'eth0', 'netns', String(right.pid)];
  within(left, ['ip', 'link', 'add', 'eth0', ...pair]);
  for (const [box, address] of [
    [left, '10.105.0.1/24'],
    [right, '10.105.0.2/24'],
  ] as const)
    setUp(box, 'eth0', address);
}

/** A neighbour of this machine, on a link of its own. */
function wireOutside(outside: Box): void {
  within(undefined, [
    'ip',
    'link',
    'add',
    'up0',
    'type',
    'veth',
    'peer',
    'name',
    'up1',
    'netns',
    String(outside.pid),
  ]);
  setUp(undefined, 'up0', '10.106.0.1/24');
  setUp(outside, 'up1', '10.106.0.2/24');
}

function setUp(box: Box | undefined, device: string, address: string): void {
  within(box, ['ip', 'addr', 'add', address, 'dev', device]);
  within(box, ['ip', 'link', 'set', device, 'up']);
}
