/** What a network keeps below /run; the fake host has a /run of its own. */
import assert from 'node:assert/strict';
import { chownSync, existsSync, lstatSync, mkdirSync, readlinkSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { after, test } from 'node:test';
import {
  collectNetworkGarbage,
  createNetwork,
  detachAll,
  endpointsOf,
  removeNetwork,
} from '../../src/network/index.js';
import { leasesOf } from '../../src/network/leases.js';
import { assertFakeHost } from '../support/fake-host.js';
import { box, ownState } from './support.js';

assertFakeHost();
const end = ownState();
after(end);

const directory = (name: string): string => join(process.env['WARREN_STATE'] ?? '', 'networks', name, 'run');

test('leases and places are below /run, and go with their network, to the last directory', async () => {
  await createNetwork('lab', { subnets: ['10.60.0.0/24'] });
  const target = readlinkSync(directory('lab'));
  assert.match(target, /^\/run\/warren\/networks\/[0-9a-f]{64}$/);
  assert.equal(lstatSync('/run/warren').mode & 0o777, 0o700);
  const one = await box(['lab']);
  assert.ok(lstatSync(join(target, 'leases', one.ip)).isSymbolicLink());
  assert.equal(endpointsOf('lab').length, 1);
  await one[Symbol.asyncDispose]();
  await removeNetwork('lab');
  assert.ok(!existsSync('/run/warren'));
});

test('after a reboot, which empties /run, a network gives out its addresses anew', async () => {
  await createNetwork('lab', { subnets: ['10.60.0.0/24'] });
  const before = await box(['lab']);
  rmSync('/run/warren', { recursive: true });
  assert.deepEqual([endpointsOf('lab'), leasesOf('lab')], [[], []]);
  await before[Symbol.asyncDispose]();
  const one = await box(['lab']);
  assert.equal(one.ip, '10.60.0.2');
  await one[Symbol.asyncDispose]();
  await removeNetwork('lab');
});

test('where /run/warren is somebody else’s, or no directory, they are kept in the state directory', async () => {
  for (const obstruct of [
    () => {
      mkdirSync('/run/warren/networks', { recursive: true });
      chownSync('/run/warren', 4242, 4242);
    },
    () => writeFileSync('/run/warren', ''),
  ]) {
    obstruct();
    await createNetwork('lab', { subnets: ['10.60.0.0/24'] });
    assert.ok(lstatSync(directory('lab')).isDirectory());
    const one = await box(['lab']);
    assert.equal(one.ip, '10.60.0.2');
    await one[Symbol.asyncDispose]();
    await removeNetwork('lab');
    rmSync('/run/warren', { recursive: true });
  }
});

test('where /run/warren becomes unusable later, the next start goes on in the state directory', async () => {
  await createNetwork('lab', { subnets: ['10.60.0.0/24'] });
  rmSync('/run/warren', { recursive: true });
  writeFileSync('/run/warren', '');
  const one = await box(['lab']);
  assert.ok(lstatSync(directory('lab')).isDirectory());
  assert.equal(one.ip, '10.60.0.2');
  await detachAll(one.id, { deleteDevice: true });
  await one[Symbol.asyncDispose]();
  await removeNetwork('lab');
  rmSync('/run/warren');
});

test('collectNetworkGarbage() removes what belongs to no network of this state directory, and nobody else’s', async () => {
  await createNetwork('lab', { subnets: ['10.60.0.0/24'] });
  await createNetwork('gone', { subnets: ['10.61.0.0/24'] });
  const [kept, lost] = [readlinkSync(directory('lab')), readlinkSync(directory('gone'))];
  const mine = process.env['WARREN_STATE'] ?? '';
  const endOther = ownState();
  await createNetwork('lab', { subnets: ['10.62.0.0/24'] });
  const others = readlinkSync(directory('lab'));
  const theirs = process.env['WARREN_STATE'] ?? '';
  process.env['WARREN_STATE'] = mine;
  // As a kill in the middle of a removal leaves it.
  rmSync(join(mine, 'networks/gone'), { recursive: true });
  const { removed } = await collectNetworkGarbage();
  assert.ok(
    removed.some((what) => what.includes(lost)),
    removed.join(),
  );
  assert.deepEqual([kept, lost, others].map(existsSync), [true, false, true]);
  process.env['WARREN_STATE'] = theirs;
  await endOther();
  process.env['WARREN_STATE'] = mine;
});
