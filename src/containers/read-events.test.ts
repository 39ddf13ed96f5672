import assert from 'node:assert/strict';
import { appendFileSync, mkdtempSync, renameSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, describe, test } from 'node:test';
import fc from 'fast-check';
import { appendEvent } from './events.js';
import { parseEvent, readEvents, type ReadEventsOptions, type RecordedEvent } from './read-events.js';

const roots: string[] = [];
function newRoot(): string {
  const root = mkdtempSync(join(tmpdir(), 'warren-events-'));
  roots.push(root);
  return root;
}
afterEach(() => {
  for (const root of roots.splice(0)) rmSync(root, { recursive: true, force: true });
});

const id = 'a'.repeat(64);
const line = (seconds: number, action: string, rest = ''): string =>
  `${seconds}.000000001 ${id} ${action}${rest}\n`;
const shown = ({ timeNs, action, attributes }: RecordedEvent): string =>
  `${timeNs / 1_000_000_000n} ${action} ${attributes['name'] ?? '?'}`;

async function all(root: string, options?: ReadEventsOptions): Promise<string[]> {
  const events: string[] = [];
  for await (const event of readEvents(root, options)) events.push(shown(event));
  return events;
}

describe('parseEvent()', () => {
  test('reads back what appendEvent() wrote, whatever the attributes hold', async () => {
    const root = newRoot();
    const attributes = fc.dictionary(
      fc.stringMatching(/^[A-Za-z_.-]{1,9}$/),
      fc.string({ unit: 'grapheme' }),
      {
        maxKeys: 4,
        noNullPrototype: true,
      },
    );
    const written = fc.sample(attributes, 100);
    for (const each of written)
      appendEvent(root, { id, action: 'create', attributes: { ...each, name: 'x' } });
    const read = [];
    for await (const event of readEvents(root)) read.push(event.attributes);
    assert.deepEqual(
      read,
      written.map((each) => ({ ...each, name: 'x' })),
    );
  });

  test('takes a foreign, torn or damaged line for none', () => {
    const good = line(1, 'die', ' exitCode=1').trimEnd();
    assert.ok(parseEvent(good));
    for (const bad of [
      '',
      'x',
      good.slice(1),
      good.slice(0, -12) + '=',
      `${good} `,
      `${good} name=%zz`,
      `${good}${good}`,
    ]) {
      assert.equal(parseEvent(bad), undefined, bad);
    }
    fc.assert(
      fc.property(fc.string({ unit: 'binary' }), (text) => {
        assert.equal(parseEvent(text), undefined);
      }),
    );
  });
});

describe('readEvents()', () => {
  test('gives those between two times, both included', async () => {
    const root = newRoot();
    writeFileSync(join(root, 'events'), [1, 2, 3, 4].map((at) => line(at, 'start')).join(''));
    const at = (seconds: bigint): bigint => seconds * 1_000_000_000n + 1n;
    assert.deepEqual(await all(root, { since: at(2n), until: at(3n) }), ['2 start ?', '3 start ?']);
    assert.deepEqual(await all(newRoot()), []);
  });

  test('gives a monitor’s lines the name that the container had then', async () => {
    const root = newRoot();
    const lines = [
      line(1, 'create', ' name=old'),
      line(2, 'start'),
      line(3, 'rename', ' name=new oldName=old'),
      line(4, 'die', ' exitCode=0'),
      line(5, 'destroy'),
      line(6, 'start'),
    ];
    writeFileSync(join(root, 'events'), lines.join(''));
    assert.deepEqual(await all(root, { since: 2_000_000_000n }), [
      '2 start old',
      '3 rename new',
      '4 die new',
      '5 destroy new',
      '6 start ?',
    ]);
  });

  test('leaves out torn lines, wherever the file was torn, and reads over pieces of any length', async () => {
    const root = newRoot();
    const long = 'x'.repeat(70_000);
    writeFileSync(
      join(root, 'events'),
      `${line(1, 'start')}1.0 torn${line(2, 'die')}${long}\n${line(3, 'start')}4.`,
    );
    assert.deepEqual(await all(root), ['1 start ?', '3 start ?']);
  });

  test('follows: a line is given when it is whole', async () => {
    const root = newRoot();
    const controller = new AbortController();
    const events = readEvents(root, { follow: true, signal: controller.signal });
    const path = join(root, 'events');
    writeFileSync(path, line(1, 'create', ' name=web'));
    assert.equal(shown((await events.next()).value as RecordedEvent), '1 create web');
    const next = events.next();
    const whole = line(2, 'start');
    appendFileSync(path, whole.slice(0, 20));
    appendFileSync(path, whole.slice(20));
    assert.equal(shown((await next).value as RecordedEvent), '2 start web');
    const last = events.next();
    controller.abort();
    assert.equal((await last).done, true);
  });

  test('follows a file that is begun anew', async () => {
    const root = newRoot();
    const controller = new AbortController();
    const path = join(root, 'events');
    writeFileSync(path, line(1, 'create') + line(2, 'start'));
    const events = readEvents(root, { follow: true, signal: controller.signal });
    await events.next();
    await events.next();
    const next = events.next();
    writeFileSync(`${path}.new`, line(3, 'die'));
    renameSync(`${path}.new`, path);
    assert.equal(shown((await next).value as RecordedEvent), '3 die ?');
    controller.abort();
    assert.equal((await events.next()).done, true);
  });

  test('ends by itself when its end has passed', async () => {
    const root = newRoot();
    writeFileSync(join(root, 'events'), line(1, 'create'));
    const until = BigInt(Date.now() + 50) * 1_000_000n;
    assert.deepEqual(await all(root, { follow: true, until }), ['1 create ?']);
    assert.deepEqual(await all(root, { follow: true, until: 2_000_000_000n }), ['1 create ?']);
  });
});
