import assert from 'node:assert/strict';
import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { collectNetworks } from '../../src/containers/network-garbage.js';
import type { CreateOptions, DetachedContainer } from '../../src/containers/index.js';
import {
  endpointsOf,
  endpointsOfContainer,
  listNetworks,
  removeNetwork,
  type Endpoint,
} from '../../src/network/index.js';
import { leasesOf } from '../../src/network/leases.js';
import { oracle } from '../support/oracle.js';
import { testState, type TestState } from '../support/state.js';
import { waitFor } from '../support/wait.js';

/** A store whose networks are below it as well; both go with it. */
export function networkedState(): TestState {
  const state = testState();
  process.env['WARREN_STATE'] = state.root;
  return {
    ...state,
    async [Symbol.asyncDispose]() {
      for (const id of state.store.ids())
        await (await state.store.find(id)).remove({ force: true }).catch(() => undefined);
      await collectNetworks(state.root);
      for (const { name } of listNetworks()) await removeNetwork(name);
      await state[Symbol.asyncDispose]();
    },
  };
}

/** Starts one that stays until it is told to go. */
export async function idle(
  { store, rootfs }: TestState,
  options: CreateOptions = {},
  script = 'exec sleep 73302',
): Promise<DetachedContainer> {
  return store.run(['sh', '-c', script], { rootfs, stopSignal: 'SIGKILL', ...options });
}

export function endpointOf({ id }: DetachedContainer, network = 'lab'): Endpoint {
  const found = endpointsOfContainer(id).find((each) => each.network === network);
  return found ?? assert.fail(`not in ${network}`);
}

/** Of IPv4, or of IPv6. */
export function addressOf(container: DetachedContainer, network = 'lab', version: 4 | 6 = 4): string {
  const all = endpointOf(container, network).addresses.map((each) => each.slice(0, each.indexOf('/')));
  return all.find((each) => each.includes(':') === (version === 6)) ?? assert.fail('no such address');
}

export function pidOf(container: DetachedContainer): number {
  const { pid } = container.snapshot().status;
  assert.ok(pid > 0, 'it does not run');
  return pid;
}

/** What containers have in networks, as seen by the kernel and in the files; networks themselves are none of it. */
export function networkTraces(root: string): string[] {
  const devices = JSON.parse(oracle('ip', ['-json', 'link', 'show', 'type', 'veth']).stdout) as {
    ifname: string;
  }[];
  const lines = hostsFiles(root).flatMap(([file, text]) =>
    text
      .split('\n')
      .filter((line) => / # [0-9a-f]{12}$/.test(line) && !line.startsWith('#'))
      .map((line) => `hosts line of ${file}: ${line}`),
  );
  return [
    // up0 is the way to the outside.
    ...devices.flatMap(({ ifname }) => (ifname === 'up0' ? [] : `device ${ifname}`)),
    ...listNetworks().flatMap(({ name }) => [
      ...endpointsOf(name).map(({ container }) => `endpoint ${container.slice(0, 12)} of ${name}`),
      ...leasesOf(name).map(({ address }) => `lease ${address} of ${name}`),
    ]),
    ...publishedElements().map((element) => `element ${element}`),
    ...lines,
  ];
}

function hostsFiles(root: string): [file: string, text: string][] {
  let names: string[];
  try {
    names = readdirSync(join(root, 'hosts'));
  } catch {
    return [];
  }
  return names.map((name) => [name, readFileSync(join(root, 'hosts', name), 'utf8')]);
}

/** In the maps and sets that are about containers, as nft prints them. */
function publishedElements(): string[] {
  const { code, stdout } = oracle('nft', ['--json', 'list', 'table', 'inet', 'warren'], {
    allowFailure: true,
  });
  if (code !== 0) return [];
  const { nftables } = JSON.parse(stdout) as {
    nftables: Record<string, { name: string; elem?: unknown[] } | undefined>[];
  };
  return nftables.flatMap((each) => {
    const set = each['map'] ?? each['set'];
    if (!set || !/^(publish|loopback|itself)/.test(set.name)) return [];
    return (set.elem ?? []).map((element) => `${set.name} ${JSON.stringify(element)}`);
  });
}

/** The kernel tidies up the devices of a namespace in its own time. */
export async function assertNoNetworkTraces(root: string): Promise<void> {
  let left: string[] = [];
  await waitFor('nothing to be left', () => {
    left = networkTraces(root);
    return left.length === 0 || undefined;
  }).catch(() => undefined);
  assert.deepEqual(left, []);
}
