import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import { snapshotOf } from '../../../test/support/snapshot.js';
import { parseContainerFilters } from '../../containers/filter.js';
import { inspectContainer } from '../../containers/inspect.js';
import type { ContainerProcess } from '../../containers/processes.js';
import { rowPrinter } from '../format/rows.js';
import { eventFilter, eventPrinter } from './events.js';
import { inspectPrinter } from './inspect.js';
import { listLayout, listObject, listRow, selectContainers } from './list.js';
import { statsLayout, statsObject, statsRow } from './stats.js';
import { topColumns, topTable, userNames } from './top.js';

const nowMs = Date.parse('2026-01-01T00:03:00Z');

describe('selectContainers()', () => {
  const states = ['running', 'paused', 'restarting', 'created', 'exited', 'dead'] as const;
  const all = states.map((state) => snapshotOf({ record: { name: state }, status: { state } }));
  const select = (
    parts: Partial<Parameters<typeof selectContainers>[1]>,
    ...filters: readonly string[]
  ): string[] =>
    selectContainers(all, {
      all: false,
      last: undefined,
      filters: parseContainerFilters(filters),
      ...parts,
    }).map(({ record }) => record.name);

  test('shows what runs; all with "all", or with a filter for states', () => {
    assert.deepEqual(select({}), ['running', 'paused', 'restarting']);
    assert.deepEqual(select({ all: true }), [...states]);
    assert.deepEqual(select({}, 'status=dead'), ['dead']);
    assert.deepEqual(select({}, 'exited=0'), ['exited']);
    assert.deepEqual(select({}, 'name=exited'), []);
  });

  test('takes the newest whatever their state, after filtering', () => {
    assert.deepEqual(select({ last: 4 }), ['running', 'paused', 'restarting', 'created']);
    assert.deepEqual(select({ last: 1 }, 'name=d$'), ['paused']);
  });
});

describe('listRow()', () => {
  const snapshot = snapshotOf({
    id: '0123456789abcdef',
    record: {
      command: ['sh', '-c', 'echo "a\nb"; sleep 1'],
      labels: { tier: 'web', 'a.b': 'c' },
      options: { rootfs: '/srv/a-long-name', volumes: ['/a/very/long/path/indeed:/b', '/c:/d:ro'] },
    },
  });

  test('cuts ids, commands and mounts as docker does, and not with --no-trunc', () => {
    const row = listRow(snapshot, { full: false, nowMs });
    assert.equal(row['ID'], '0123456789ab');
    assert.equal(row['Command'], String.raw`"sh -c 'echo \"a\nb\"; …"`);
    assert.equal(row['Mounts'], '/a/very/long/p…,/c');
    assert.equal(row['Labels'], 'tier=web,a.b=c');
    assert.equal(row['Status'], 'Up 3 minutes');
    assert.equal(row['RunningFor'], '3 minutes ago');
    const full = listRow(snapshot, { full: true, nowMs });
    assert.equal(full['ID'], snapshot.record.id);
    assert.equal(full['Command'], String.raw`"sh -c 'echo \"a\nb\"; sleep 1'"`);
    assert.equal(full['Mounts'], '/a/very/long/path/indeed,/c');
  });

  test('has every column and every field that has a heading', () => {
    const row = listRow(snapshot, { full: false, nowMs });
    for (const name of [...listLayout.columns, ...Object.keys(listLayout.headings)])
      assert.ok(name in row, name);
  });

  test('gives labels by name, also those that are not there', () => {
    const print = rowPrinter('{{.Label "tier"}}|{{.Label "constructor"}}|', listLayout);
    assert.equal(print.print([listRow(snapshot, { full: false, nowMs })]), 'web||\n');
  });
});

test('listObject() tells times that never were by null', () => {
  const { startedAt, finishedAt, status } = listObject(
    snapshotOf({ status: { state: 'created', startedAt: '' } }),
    { nowMs },
  ) as Record<string, unknown>;
  assert.deepEqual([startedAt, finishedAt, status], [null, null, 'Created']);
});

describe('inspectPrinter()', () => {
  const found = [
    inspectContainer(snapshotOf({ record: { labels: { tier: 'web', 'a.b': 'c' }, name: 'web' } })),
    inspectContainer(snapshotOf({ id: 'def', record: { name: 'db' } })),
  ];

  test('prints an array, also of none, and one line a container with a template', () => {
    assert.equal(inspectPrinter(undefined)([]), '[]\n');
    assert.deepEqual(JSON.parse(inspectPrinter(undefined)(found)), JSON.parse(JSON.stringify(found)));
    assert.equal(inspectPrinter('{{.Name}} {{.State.Pid}}')(found), '/web 4000000\n/db 4000000\n');
    assert.equal(inspectPrinter('json')(found).split('\n').length, 2);
  });

  test('has maps where docker has them: what is missing there is no mistake', () => {
    const text =
      '{{.Config.Labels.tier}} {{.Config.Labels.x}} {{index .Config.Labels "a.b"}} {{json .Config.Labels}}';
    assert.equal(inspectPrinter(text)(found.slice(0, 1)), 'web <no value> c {"a.b":"c","tier":"web"}\n');
    assert.throws(() => inspectPrinter('{{.State.Pidd}}')(found), { code: 'ERR_TEMPLATE' });
  });
});

describe('topTable()', () => {
  const process: ContainerProcess = {
    pid: 7,
    parentPid: 1,
    uid: 0,
    state: 'S',
    terminal: 'pts/0',
    threads: 1,
    cpuMs: 93_784_000,
    cpuPercent: 250,
    startedAtMs: new Date(2026, 0, 1, 8, 5).getTime(),
    residentBytes: 4096,
    virtualBytes: 8192,
    name: 'sh',
    command: ['sh', '-c', 'a\nb'],
  };
  const surroundings = {
    nowMs: new Date(2026, 0, 1, 9, 0).getTime(),
    userName: userNames('root:x:0:0::/:\n'),
  };

  test('is what ps -ef prints', () => {
    const [heading, line] = topTable([process], topColumns([]), surroundings).split('\n');
    assert.deepEqual(heading?.split(/ +/), ['UID', 'PID', 'PPID', 'C', 'STIME', 'TTY', 'TIME', 'CMD']);
    assert.deepEqual(line?.split(/ {2,}/), [
      'root',
      '7',
      '1',
      '99',
      '08:05',
      'pts/0',
      '1-02:03:04',
      'sh -c a\\nb',
    ]);
  });

  test('tells the day of a start within the year, and the year before it', () => {
    const start = (nowMs: number): string =>
      topTable([process], ['stime'], { ...surroundings, nowMs }).split('\n')[1] ?? '';
    assert.equal(start(new Date(2026, 5, 1).getTime()), 'Jan01');
    assert.equal(start(new Date(2027, 5, 1).getTime()), '2026');
  });

  test('shows a zombie in brackets, and a user without a name as a number', () => {
    const text = topTable([{ ...process, command: [], uid: 1000 }], ['uid', 'cmd'], surroundings);
    assert.match(text, /\n1000 +\[sh\]\n/);
  });
});

test('topColumns() takes the words of ps, and names a near one for what it does not know', () => {
  assert.deepEqual(topColumns(['-o', 'pid,CMD']), ['pid', 'cmd']);
  assert.deepEqual(topColumns(['-opid', '-eo', 'ppid']), ['pid', 'ppid']);
  assert.deepEqual(topColumns(['-ef']), topColumns([]));
  assert.throws(() => topColumns(['-o', 'ppdi']), { code: 'ERR_COLUMN_UNKNOWN', fix: /did you mean ppid/ });
  assert.throws(() => topColumns(['aux']), { code: 'ERR_COLUMN_UNKNOWN' });
});

describe('statsRow()', () => {
  const snapshot = snapshotOf();
  const stats = {
    id: snapshot.record.id,
    name: 'web',
    readAtMs: 0,
    cpuUs: 10,
    cpuPercent: 150.456,
    memoryBytes: 1_609_564,
    memoryLimitBytes: 67_108_864,
    memoryPercent: 2.4,
    network: undefined,
    block: { readBytes: 0, writtenBytes: 1050 },
    pids: 3,
  };

  test('has docker’s units, dashes for what is not counted, and 0 for what does not run', () => {
    const print = (entry: Parameters<typeof statsRow>[0]): (string | undefined)[] =>
      rowPrinter(undefined, statsLayout)
        .print([statsRow(entry, false)])
        .split('\n')[1]
        ?.split(/ {3,}/) ?? [];
    assert.deepEqual(print({ snapshot, stats }).slice(2), [
      '150.46%',
      '1.535MiB / 64MiB',
      '2.40%',
      '-- / --',
      '0B / 1.05kB',
      '3',
    ]);
    assert.deepEqual(print({ snapshot, stats: undefined }).slice(2), [
      '0.00%',
      '0B / 0B',
      '0.00%',
      '0B / 0B',
      '0B / 0B',
      '0',
    ]);
  });

  test('has, for programs, null for what is not counted', () => {
    const object = statsObject({ snapshot, stats }) as Record<string, unknown>;
    assert.equal(object['network'], null);
    assert.equal(object['memoryBytes'], 1_609_564);
  });
});

describe('eventPrinter()', () => {
  const event = {
    timeNs: 1_795_323_645_153_000_007n,
    id: 'ab'.repeat(32),
    action: 'die',
    attributes: { name: 'web', exitCode: '1', note: 'a\u001b\n' },
  };

  test('prints docker’s line, in which nothing forges another', () => {
    assert.equal(
      eventPrinter(undefined)(event),
      `2026-11-22T05:00:45.153000007Z container die ${event.id} (exitCode=1, name=web, note=a\\x1b\\n)\n`,
    );
  });

  test('prints all digits of the time as JSON', () => {
    const text = eventPrinter('json')(event);
    assert.ok(text.endsWith(',"timeNano":1795323645153000007}\n'));
    assert.deepEqual((JSON.parse(text) as { Actor: object }).Actor, {
      ID: event.id,
      Attributes: event.attributes,
    });
  });

  test('takes templates', () => {
    const text = '{{.Action}}\\t{{.Actor.Attributes.name}} {{.Actor.Attributes.x}} {{.TimeNano}}';
    assert.equal(eventPrinter(text)(event), 'die\tweb <no value> 1795323645153000007\n');
  });
});

test('eventFilter() takes alternatives of one key, and all keys must fit', () => {
  const event = { timeNs: 0n, id: 'ab'.repeat(32), action: 'die', attributes: { name: 'web' } };
  const fits = (...words: readonly string[]): boolean => eventFilter(words)(event);
  assert.ok(fits());
  assert.ok(fits('container=web', 'event=start', 'event=die', 'type=container'));
  assert.ok(fits('container=abab'));
  assert.ok(fits('container=/web'));
  assert.ok(!fits('container=we'));
  assert.ok(!fits('container=web', 'event=start'));
  assert.ok(!fits('type=network'));
  assert.throws(() => fits('contaner=web'), { code: 'ERR_FILTER', fix: /did you mean container/ });
  assert.throws(() => fits('event='), { code: 'ERR_FILTER' });
});
