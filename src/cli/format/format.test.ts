import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import fc from 'fast-check';
import { rowPrinter } from './rows.js';
import { binarySize, decimalSize, percentText } from './size.js';
import { ellipsis, formatTable } from './table.js';

describe('formatTable()', () => {
  test('pads columns to the widest cell and three spaces, at least to ten, and not the last', () => {
    assert.equal(
      formatTable([
        ['ID', 'NAME', 'STATUS'],
        ['0123456789ab', 'é', ''],
      ]),
      'ID             NAME      STATUS\n0123456789ab   é         \n',
    );
  });

  test('shows what would move the cursor, or forge a line', () => {
    assert.equal(formatTable([['a\u001b[2J\nb\u202e']]), 'a\\x1b[2J\\nb\\u202e\n');
  });

  test('keeps columns in line, whatever the cells', () => {
    const row = fc.tuple(fc.string({ unit: 'grapheme' }), fc.string({ unit: 'binary' }), fc.constant('|'));
    fc.assert(
      fc.property(fc.array(row, { minLength: 1 }), (rows) => {
        const lines = formatTable(rows).slice(0, -1).split('\n');
        assert.equal(lines.length, rows.length);
        assert.equal(new Set(lines.map((line) => Array.from(line).length)).size, 1);
      }),
    );
  });
});

test('ellipsis() counts characters, and the dots are one of them', () => {
  assert.equal(ellipsis('sleep 3600', 10), 'sleep 3600');
  assert.equal(ellipsis('sleep 36000', 10), 'sleep 360…');
  assert.equal(ellipsis('😀😀😀', 3), '😀😀😀');
  assert.equal(ellipsis('😀😀😀', 2), '😀…');
});

describe('decimalSize() and binarySize()', () => {
  test('print docker’s units and digits', () => {
    assert.deepEqual([0, 648, 1050, 1_500_000, 2.5e9].map(decimalSize), [
      '0B',
      '648B',
      '1.05kB',
      '1.5MB',
      '2.5GB',
    ]);
    assert.deepEqual([0, 1023, 503_808, 1_609_564, 67_108_864, 8_160_437_862].map(binarySize), [
      '0B',
      '1023B',
      '492KiB',
      '1.535MiB',
      '64MiB',
      '7.6GiB',
    ]);
  });

  test('go on to the next unit where rounding reaches it', () => {
    assert.equal(decimalSize(999_900), '1MB');
    assert.equal(decimalSize(999), '999B');
    assert.equal(binarySize(1024 * 1024 - 1), '1MiB');
  });
});

test('percentText() has two digits, or dashes for what is not known', () => {
  assert.equal(percentText(12.345), '12.35%');
  assert.equal(percentText(undefined), '--');
});

describe('rowPrinter()', () => {
  const layout = { headings: { ID: 'CONTAINER ID', Names: 'NAMES' }, columns: ['Names'] };
  const rows = [
    { ID: 'abc', Names: 'web', Label: (name: unknown) => `<${String(name)}>` },
    { ID: 'def', Names: 'db', Label: () => '' },
  ];
  const print = (format?: string): string => rowPrinter(format, layout).print(rows);

  test('prints the usual columns, one line a row, or an object a line without its methods', () => {
    assert.equal(print(), 'NAMES\nweb\ndb\n');
    assert.equal(print('table'), print());
    assert.equal(print('{{.ID}}\\t{{.Names}}'), 'abc\tweb\ndef\tdb\n');
    assert.equal(print('json'), '{"ID":"abc","Names":"web"}\n{"ID":"def","Names":"db"}\n');
  });

  test('heads a table of one’s own with the names of the fields, as functions leave them', () => {
    assert.equal(
      print('table {{.ID}}\\t{{upper .Names}}\\t{{.Label "com.x.some-tier"}}'),
      'CONTAINER ID   NAMES     SOME TIER\nabc            WEB       <com.x.some-tier>\ndef            DB        \n',
    );
    assert.equal(
      print('table {{json .Names}}\\t{{truncate .ID 2}}').split('\n')[0],
      'NAMES     CONTAINER ID',
    );
  });

  test('refuses a template before it has any rows, and a field that no row has', () => {
    assert.throws(() => rowPrinter('{{.ID', layout), { code: 'ERR_TEMPLATE' });
    assert.throws(() => print('{{.Name}}'), { code: 'ERR_TEMPLATE', fix: 'did you mean Names?' });
  });
});
