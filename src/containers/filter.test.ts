import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import fc from 'fast-check';
import { snapshotOf } from '../../test/support/snapshot.js';
import { WarrenError } from '../errors.js';
import { filterContainers, parseContainerFilters } from './filter.js';

const all = [
  snapshotOf({
    id: 'c3',
    record: { name: 'web-2', createdAt: '2026-01-03T00:00:00Z', labels: { tier: 'web', eu: '' } },
  }),
  snapshotOf({
    id: 'b2',
    record: { name: 'db', createdAt: '2026-01-02T00:00:00Z', options: { rootfs: '/srv/db' } },
    status: { state: 'exited', exitCode: 3 },
  }),
  snapshotOf({
    id: 'a1',
    record: { name: 'web', createdAt: '2026-01-01T00:00:00Z', labels: { tier: 'web' } },
    status: { state: 'exited' },
  }),
];

const select = (...words: readonly string[]): string[] =>
  filterContainers(all, parseContainerFilters(words)).map(({ record }) => record.name);

describe('filterContainers()', () => {
  const cases: readonly [words: readonly string[], names: readonly string[]][] = [
    [[], ['web-2', 'db', 'web']],
    [['name=web'], ['web-2', 'web']],
    [['name=^web$'], ['web']],
    [['name=^/web$'], ['web']],
    [['name=/d'], ['db']],
    [
      ['name=db', 'name=web-'],
      ['web-2', 'db'],
    ],
    [['name=['], []],
    [['id=b2'], ['db']],
    [['label=tier'], ['web-2', 'web']],
    [['label=tier=web', 'label=eu'], ['web-2']],
    [['label=tier=db'], []],
    [['label=constructor'], []],
    [['status=exited'], ['db', 'web']],
    [
      ['status=running', 'status=exited'],
      ['web-2', 'db', 'web'],
    ],
    [['exited=3'], ['db']],
    [['exited=0'], ['web']],
    [
      ['exited=0', 'exited=3'],
      ['db', 'web'],
    ],
    [['before=db'], ['web']],
    [['since=/db'], ['web-2']],
    [['before=c3', 'since=a1'], ['db']],
    [['ancestor=/srv/db'], ['db']],
    [['ancestor=(host)'], ['web-2', 'web']],
    [['name=web', 'status=exited'], ['web']],
  ];
  for (const [words, names] of cases) {
    test(`finds ${names.join(', ') || 'none'} by ${words.join(' ') || 'nothing'}`, () => {
      assert.deepEqual(select(...words), names);
    });
  }

  test('names a container that "before" means and that is not there', () => {
    assert.throws(() => select('before=nobody'), { code: 'ERR_CONTAINER_NOT_FOUND' });
  });
});

describe('parseContainerFilters()', () => {
  test('names the filters there are, and a near one', () => {
    assert.throws(
      () => select('health=healthy'),
      (error) =>
        error instanceof WarrenError && error.code === 'ERR_FILTER' && (error.fix ?? '').includes('label'),
    );
    assert.throws(() => select('stauts=running'), { fix: /did you mean status\?/ });
  });

  test('refuses a state, a code or a value that is none', () => {
    for (const word of ['status=runing', 'exited=x', 'name=', 'name', '=x']) {
      assert.throws(() => select(word), { code: 'ERR_FILTER' }, word);
    }
  });

  test('refuses by ERR_FILTER or takes, whatever is written', () => {
    const words = fc.array(
      fc.oneof(
        fc.string(),
        fc.string().map((text) => `name=${text}`),
      ),
      { maxLength: 3 },
    );
    fc.assert(
      fc.property(words, (given) => {
        try {
          select(...given);
        } catch (error) {
          assert.ok(error instanceof WarrenError && error.code === 'ERR_FILTER', String(error));
        }
      }),
    );
  });
});
