import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import { snapshotOf } from '../../test/support/snapshot.js';
import { describeStatus, humanDuration } from './describe-status.js';
import type { ContainerStatus } from './record.js';

const second = 1000;
const minute = 60 * second;
const hour = 60 * minute;
const day = 24 * hour;

describe('humanDuration()', () => {
  // As docker's command line prints them.
  const cases: readonly [ms: number, text: string][] = [
    [-5 * hour, 'Less than a second'],
    [NaN, 'Less than a second'],
    [0, 'Less than a second'],
    [999, 'Less than a second'],
    [second, '1 second'],
    [45 * second, '45 seconds'],
    [minute, 'About a minute'],
    [119 * second, 'About a minute'],
    [2 * minute, '2 minutes'],
    [59 * minute, '59 minutes'],
    [hour, 'About an hour'],
    [89 * minute, 'About an hour'],
    [91 * minute, '2 hours'],
    [47 * hour, '47 hours'],
    [48 * hour, '2 days'],
    [13 * day, '13 days'],
    [14 * day, '2 weeks'],
    [59 * day, '8 weeks'],
    [60 * day, '2 months'],
    [729 * day, '24 months'],
    [730 * day, '2 years'],
  ];
  for (const [ms, text] of cases) {
    test(`says ${JSON.stringify(text)} for ${ms} ms`, () => assert.equal(humanDuration(ms), text));
  }
});

describe('describeStatus()', () => {
  const now = Date.parse('2026-01-01T03:00:00Z');
  const at = (status: Partial<ContainerStatus>): string =>
    describeStatus(snapshotOf({ status: { finishedAt: '2026-01-01T02:59:55Z', ...status } }).status, now);

  test('tells each state in docker’s words', () => {
    assert.equal(at({ state: 'created' }), 'Created');
    assert.equal(at({ state: 'running' }), 'Up 3 hours');
    assert.equal(at({ state: 'paused' }), 'Up 3 hours (Paused)');
    assert.equal(at({ state: 'exited', exitCode: 137 }), 'Exited (137) 5 seconds ago');
    assert.equal(at({ state: 'restarting', exitCode: 1 }), 'Restarting (1) 5 seconds ago');
    assert.equal(at({ state: 'dead' }), 'Dead');
  });
});
