import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import { snapshotOf } from '../../test/support/snapshot.js';
import { inspectContainer } from './inspect.js';
import type { StoredOptions } from './record.js';

const inspect = (options: StoredOptions) => inspectContainer(snapshotOf({ record: { options } }));

describe('inspectContainer()', () => {
  test('gives limits in docker’s units', () => {
    const { HostConfig } = inspect({
      limits: { memory: '64m', cpus: 1.5, cpuShares: 512, pids: 20, cpusetCpus: '0', blkioWeight: 100 },
    });
    assert.equal(HostConfig.Memory, 67_108_864);
    assert.equal(HostConfig.MemorySwap, 134_217_728);
    assert.equal(HostConfig.NanoCpus, 1_500_000_000);
    assert.equal(HostConfig.CpuShares, 512);
    assert.equal(HostConfig.PidsLimit, 20);
    assert.equal(HostConfig.CpusetCpus, '0');
    assert.equal(HostConfig.BlkioWeight, 100);
    assert.equal(inspect({ limits: { memory: '64m', memorySwap: -1 } }).HostConfig.MemorySwap, -1);
    assert.equal(inspect({}).HostConfig.Memory, 0);
  });

  test('reads mounts, devices and ulimits, texts and fields alike', () => {
    const text = inspect({
      volumes: ['/a:/b:ro'],
      mounts: ['type=bind,src=/c,dst=/d'],
      devices: ['/dev/null:/dev/zip:r'],
      ulimits: ['nofile=10:20'],
    });
    const fields = inspect({
      mounts: [
        { type: 'bind', source: '/c', target: '/d' },
        { type: 'bind', source: '/a', target: '/b', readOnly: true },
      ],
      devices: [{ source: '/dev/null', target: '/dev/zip', access: 'r' }],
      ulimits: [{ name: 'nofile', soft: 10, hard: 20 }],
    });
    assert.deepEqual(text.Mounts, fields.Mounts);
    assert.deepEqual(
      text.Mounts.map(({ Source, Destination, RW }) => [Source, Destination, RW]),
      [
        ['/c', '/d', true],
        ['/a', '/b', false],
      ],
    );
    assert.deepEqual(text.HostConfig.Devices, fields.HostConfig.Devices);
    assert.deepEqual(text.HostConfig.Devices, [
      { PathOnHost: '/dev/null', PathInContainer: '/dev/zip', CgroupPermissions: 'r' },
    ]);
    assert.deepEqual(text.HostConfig.Ulimits, fields.HostConfig.Ulimits);
    assert.deepEqual(text.HostConfig.Binds, ['/a:/b:ro']);
  });

  test('leaves docker’s empty modes empty, and names the others', () => {
    const own = inspect({}).HostConfig;
    assert.deepEqual([own.PidMode, own.UTSMode, own.IpcMode, own.NetworkMode], ['', '', 'private', 'none']);
    const shared = inspect({ pid: 'host', uts: 'host', ipc: 'host', network: 'ns:/run/netns/a' }).HostConfig;
    assert.deepEqual(
      [shared.PidMode, shared.UTSMode, shared.IpcMode, shared.NetworkMode],
      ['host', 'host', 'host', 'ns:/run/netns/a'],
    );
  });

  test('keeps a PATH of the container’s own', () => {
    assert.deepEqual(inspect({ env: { PATH: '/x', A: '' } }).Config.Env, ['PATH=/x', 'A=']);
    assert.equal(inspect({}).Config.Env.length, 1);
  });

  test('gives what runs as running, also while it is paused, and docker’s time for never', () => {
    const state = (status: object) => inspectContainer(snapshotOf({ status })).State;
    assert.deepEqual([state({ state: 'paused' }).Running, state({ state: 'paused' }).Paused], [true, true]);
    assert.equal(state({ state: 'exited' }).Running, false);
    assert.equal(state({ state: 'created', startedAt: '' }).StartedAt, '0001-01-01T00:00:00Z');
    assert.equal(state({ state: 'dead' }).Dead, true);
  });

  test('is whole JSON, also with a seccomp profile of 64-bit masks', () => {
    const seccomp = { defaultAction: 'SCMP_ACT_ALLOW', value: 2n ** 63n };
    const inspected = inspect({ seccomp, noNewPrivileges: true });
    assert.equal(inspected.HostConfig.SecurityOpt[0], 'no-new-privileges');
    assert.doesNotThrow(() => JSON.stringify(inspected));
  });
});
