import assert from 'node:assert/strict';
import { test } from 'node:test';
import { setTimeout as delay } from 'node:timers/promises';
import { WarrenError } from '../errors.js';
import { unbroken } from './unbroken.js';

test('unbroken() lets a change end first, and then the process by its signal', async () => {
  let isDone = false;
  await unbroken(async (signal) => {
    process.kill(process.pid, 'SIGTERM');
    while (!signal.aborted) await delay(1);
    await delay(1);
    isDone = true;
    // In place of the end of this process.
    process.once('SIGTERM', () => undefined);
  });
  await delay(5);
  assert.ok(isDone);
  assert.equal(process.listenerCount('SIGTERM'), 0);
});

test('unbroken() says what failed for another reason than the signal', async () => {
  const failure = new WarrenError('ERR_WIRE', 'Cannot', { kind: 'conflict' });
  const change = unbroken(async (signal) => {
    process.kill(process.pid, 'SIGTERM');
    while (!signal.aborted) await delay(1);
    throw failure;
  });
  await assert.rejects(change, failure);
});
