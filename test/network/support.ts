import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import { randomBytes } from 'node:crypto';
import { once } from 'node:events';
import { mkdtempSync, rmSync } from 'node:fs';
import { createInterface } from 'node:readline';
import {
  attachAll,
  type Attachment,
  collectNetworkGarbage,
  detachAll,
  listNetworks,
  type NetworkRequest,
  parsePortSpec,
  prepareNetworks,
  removeNetwork,
} from '../../src/network/index.js';
import { oracle } from '../support/oracle.js';

/** A state directory of this test file's own. Call it first. @returns What removes the networks and the directory. */
export function ownState(): () => Promise<void> {
  const directory = mkdtempSync('/run/warren-state-');
  process.env['WARREN_STATE'] = directory;
  return async () => {
    await collectNetworkGarbage({ isAlive: () => false });
    for (const { name } of listNetworks()) await removeNetwork(name);
    rmSync(directory, { recursive: true });
    for (const end of [...unended]) await end();
  };
}

/** What a test that failed has left running. */
const unended = new Set<() => Promise<void>>();

/** What stands for a container: a process in a network namespace of its own. */
export interface Box {
  readonly id: string;
  readonly pid: number;
  readonly attachments: readonly Attachment[];
  /** Of the first network, without their lengths. */
  readonly ip: string;
  readonly ip6: string;
  /** Runs a program in its network. */
  run(file: string, ...args: string[]): string;
  /** As {@link run}, and says whether it ended well. */
  can(file: string, ...args: string[]): boolean;
  [Symbol.asyncDispose](): Promise<void>;
}

export interface BoxOptions {
  readonly publish?: readonly string[];
}

/** A namespace without anything but a loopback, held by a process. */
export async function emptyBox(): Promise<{ id: string; pid: number; end: () => Promise<void> }> {
  const holder = spawn('unshare', ['--net', 'sh', '-c', 'echo ready && exec cat'], {
    stdio: ['pipe', 'pipe', 'inherit'],
  });
  const exited = once(holder, 'exit');
  const end = async (): Promise<void> => {
    unended.delete(end);
    holder.stdin.end();
    await exited;
  };
  unended.add(end);
  await Promise.race([once(holder.stdout, 'data'), exited.then(() => assert.fail('unshare ended'))]);
  return { id: randomBytes(32).toString('hex'), pid: holder.pid ?? assert.fail('no pid'), end };
}

export async function box(
  networks: readonly (string | NetworkRequest)[],
  options: BoxOptions = {},
): Promise<Box> {
  const { id, pid, end } = await emptyBox();
  let attachments: Attachment[];
  try {
    const requests = networks.map((each) => (typeof each === 'string' ? { network: each } : each));
    const plan = await prepareNetworks(requests, { publish: (options.publish ?? []).flatMap(parsePortSpec) });
    attachments = await attachAll(plan, { pid }, id);
  } catch (error) {
    await end();
    throw error;
  }
  const own = attachments.flatMap(({ addresses }) =>
    addresses.map((each) => each.slice(0, each.indexOf('/'))),
  );
  const run = (file: string, ...args: string[]) =>
    oracle('nsenter', ['--net', '--target', String(pid), file, ...args], { allowFailure: true });
  return {
    id,
    pid,
    attachments,
    ip: own.find((each) => !each.includes(':')) ?? '',
    ip6: own.find((each) => each.includes(':')) ?? '',
    run(file, ...args) {
      const { code, stdout, stderr } = run(file, ...args);
      assert.equal(code, 0, `${file} ${args.join(' ')}: ${stderr}`);
      return stdout;
    },
    can: (file, ...args) => run(file, ...args).code === 0,
    async [Symbol.asyncDispose]() {
      await detachAll(id, { deleteDevice: true });
      await end();
    },
  };
}

/** A second machine, on a link of its own with this one: a neighbour, and what is outside. */
export async function neighbour(): Promise<{ pid: number; end: () => Promise<void> }> {
  const { pid, end } = await emptyBox();
  const net = ['--net', '--target', String(pid)];
  oracle('ip', ['link', 'add', 'up0', 'type', 'veth', 'peer', 'name', 'up1', 'netns', String(pid)]);
  for (const args of [
    ['addr', 'add', '198.51.100.1/24', 'dev', 'up0'],
    ['-6', 'addr', 'add', '2001:db8:1::1/64', 'dev', 'up0', 'nodad'],
    ['link', 'set', 'up0', 'up'],
  ])
    oracle('ip', args);
  for (const args of [
    ['addr', 'add', '198.51.100.2/24', 'dev', 'up1'],
    ['-6', 'addr', 'add', '2001:db8:1::2/64', 'dev', 'up1', 'nodad'],
    ['link', 'set', 'up1', 'up'],
    ['link', 'set', 'lo', 'up'],
  ])
    oracle('nsenter', [...net, 'ip', ...args]);
  oracle('ip', ['route', 'add', 'default', 'via', '198.51.100.2']);
  oracle('ip', ['-6', 'route', 'add', 'default', 'via', '2001:db8:1::2']);
  return {
    pid,
    async end() {
      oracle('ip', ['link', 'delete', 'up0']);
      await end();
    },
  };
}

/** Answers each TCP connection and UDP packet on a port with the address it came from. */
const server = `
import socket, sys, threading
kind, family, address, port = sys.argv[1:5]
family = socket.AF_INET6 if family == '6' else socket.AF_INET
if kind == 'udp':
    s = socket.socket(family, socket.SOCK_DGRAM)
else:
    s = socket.socket(family, socket.SOCK_STREAM, 132 if kind == 'sctp' else 0)
    s.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
if family == socket.AF_INET6: s.setsockopt(41, 26, 1)
s.bind((address, int(port)))
if kind != 'udp': s.listen(64)
print('ready', flush=True)
while True:
    if kind == 'udp':
        data, peer = s.recvfrom(2000)
        s.sendto(('from ' + peer[0]).encode(), peer)
    else:
        c, peer = s.accept()
        c.sendall(('from ' + peer[0]).encode())
        c.close()
`;

const client = `
import socket, sys
kind, address, port = sys.argv[1:4]
family = socket.AF_INET6 if ':' in address else socket.AF_INET
s = socket.socket(family, socket.SOCK_DGRAM if kind == 'udp' else socket.SOCK_STREAM, 132 if kind == 'sctp' else 0)
s.settimeout(float(sys.argv[4]))
s.connect((address, int(port)))
if kind == 'udp': s.send(b'x')
print(s.recv(2000).decode())
`;

export interface Server {
  end(): Promise<void>;
}

/** @param pid In whose network; 0 for this one's. */
export async function serve(
  pid: number,
  port: number,
  options: { readonly kind?: 'tcp' | 'udp' | 'sctp'; readonly address?: string } = {},
): Promise<Server> {
  const { kind = 'tcp', address = '0.0.0.0' } = options;
  const args = ['-c', server, kind, address.includes(':') ? '6' : '4', address, String(port)];
  const child =
    pid === 0
      ? spawn('/usr/bin/python3', args, { stdio: ['ignore', 'pipe', 'inherit'] })
      : spawn('nsenter', ['--net', '--target', String(pid), '/usr/bin/python3', ...args], {
          stdio: ['ignore', 'pipe', 'inherit'],
        });
  const exited = once(child, 'exit');
  const end = async (): Promise<void> => {
    unended.delete(end);
    child.kill('SIGKILL');
    await exited;
  };
  unended.add(end);
  const [line] = (await Promise.race([
    once(createInterface(child.stdout), 'line'),
    exited.then(() => assert.fail('the server ended')),
  ])) as [string];
  assert.equal(line, 'ready');
  return { end };
}

/** Connects from a network. @returns What the server says, or undefined where there is no answer. */
export function ask(
  pid: number,
  address: string,
  port: number,
  options: { readonly kind?: 'tcp' | 'udp' | 'sctp'; readonly patienceSec?: number } = {},
): string | undefined {
  const { kind = 'tcp', patienceSec = 5 } = options;
  const args = ['-c', client, kind, address, String(port), String(patienceSec)];
  const result =
    pid === 0
      ? oracle('/usr/bin/python3', args, { allowFailure: true })
      : oracle('nsenter', ['--net', '--target', String(pid), '/usr/bin/python3', ...args], {
          allowFailure: true,
        });
  return result.code === 0 ? result.stdout.trim() : undefined;
}
