/** One attach: pair, bridge, address, default route, published port; the network, its NAT and the namespace are there. */
import { closeSync } from 'node:fs';
import { newNetworkNamespace } from '../../src/native/index.js';
import {
  attachAll,
  createNetwork,
  detachAll,
  parsePortSpec,
  prepareNetworks,
} from '../../src/network/index.js';
import { summarize, type Summary } from '../start/measure.js';
import { containerNetworkInterface, netavark } from './attach-peers.js';
import { newId } from './box.js';
import { runProgram as run } from './run-program.js';

/** What comes before and after the attach is not timed. */
export interface AttachSubject {
  readonly name: string;
  prepare(): void;
  attach(): void | Promise<void>;
  remove(): void | Promise<void>;
}

export const ours = '**library** (leases and record included)';

export async function measureAttach(
  scratch: string,
  rounds: number,
  onRound: (done: number) => void,
): Promise<Summary[]> {
  await createNetwork('attach', { subnets: ['10.100.0.0/20'] });
  makeByHand();
  const subjects = [
    library(ours, false),
    library('library, without a published port', true),
    byHand('`ip` × 6, `nft` × 1', false),
    byHand('`ip -batch` × 2, `nft -f` × 1', true),
    netavark(scratch),
    containerNetworkInterface(scratch),
  ];
  const times = new Map(subjects.map((subject) => [subject, [] as number[]]));
  for (let round = -3; round < rounds; round++) {
    for (const subject of round % 2 === 0 ? subjects : subjects.toReversed()) {
      subject.prepare();
      const began = performance.now();
      await subject.attach();
      const took = performance.now() - began;
      await subject.remove();
      if (round >= 0) times.get(subject)?.push(took);
    }
    onRound(round + 1);
  }
  return subjects.map((subject) => summarize(subject.name, times.get(subject) ?? []));
}

function library(name: string, isClosed: boolean): AttachSubject {
  let fd = -1;
  let id = '';
  const publish = isClosed ? [] : parsePortSpec('18080:80');
  return {
    name,
    prepare() {
      fd = newNetworkNamespace();
      id = newId();
    },
    async attach() {
      // The whole of what a start does: the network's device, our table and forwarding are looked at each time.
      await attachAll(await prepareNetworks([{ network: 'attach' }], { publish }), { fd }, id);
    },
    async remove() {
      closeSync(fd);
      await detachAll(id);
    },
  };
}

function makeByHand(): void {
  for (const line of ['link add hand0 type bridge', 'addr add 10.101.0.1/24 dev hand0', 'link set hand0 up'])
    run('ip', line.split(' '));
  run(
    'nft',
    ['-f', '-'],
    `table ip hand {
       map ports { type inet_service : ipv4_addr . inet_service; }
       chain in { type nat hook prerouting priority dstnat; fib daddr type local dnat ip to tcp dport map @ports; }
       chain out { type nat hook postrouting priority srcnat; ip saddr 10.101.0.0/24 oifname != "hand0" masquerade; }
     }\n`,
  );
}

function byHand(name: string, isBatch: boolean): AttachSubject {
  const netns = isBatch ? 'hand-b' : 'hand-a';
  const outside = ['link add vhand0 type veth peer name eth0 netns NS', 'link set vhand0 master hand0 up'];
  const inside = [
    'link set lo up',
    'addr add 10.101.0.9/24 dev eth0',
    'link set eth0 up',
    'route add default via 10.101.0.1',
  ];
  const port = 'element ip hand ports { 18081 : 10.101.0.9 . 80 }';
  const named = outside.map((line) => line.replace('NS', netns));
  return {
    name,
    prepare() {
      run('ip', ['netns', 'add', netns]);
    },
    attach() {
      if (isBatch) {
        run('ip', ['-batch', '-'], `${named.join('\n')}\n`);
        run('ip', ['-n', netns, '-batch', '-'], `${inside.join('\n')}\n`);
        run('nft', ['-f', '-'], `add ${port}\n`);
      } else {
        for (const line of named) run('ip', line.split(' '));
        for (const line of inside) run('ip', ['-n', netns, ...line.split(' ')]);
        run('nft', ['add', port]);
      }
    },
    remove() {
      run('ip', ['link', 'delete', 'vhand0']);
      run('ip', ['netns', 'delete', netns]);
      run('nft', ['delete', 'element', 'ip', 'hand', 'ports', '{ 18081 }']);
    },
  };
}
