import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { WarrenError } from '../errors.js';
import { parseOptions, type OptionTable } from './options.js';

const table = {
  interactive: { kind: 'flag', short: 'i', help: '', group: 'G' },
  tty: { kind: 'flag', short: 't', help: '', group: 'G' },
  volume: { kind: 'list', short: 'v', placeholder: 'SPEC', help: '', group: 'G' },
  network: { kind: 'value', aliases: ['net'], placeholder: 'NS', help: '', group: 'G' },
  hostname: { kind: 'value', short: 'h', placeholder: 'NAME', help: '', group: 'G' },
  plan: { kind: 'optional', implied: 'text', placeholder: 'FORM', help: '', group: 'G' },
} as const satisfies OptionTable;

function parse(args: readonly string[], stopAtOperand = false) {
  return parseOptions(table, args, { command: 'warren test', stopAtOperand });
}

const cases: readonly [args: string[], values: object][] = [
  [['-it'], { interactive: true, tty: true }],
  [['-i', '-t'], { interactive: true, tty: true }],
  [['--tty=false', '--interactive=1'], { tty: false, interactive: true }],
  [['-t=false'], { tty: false }],
  [['-it=false'], { interactive: true, tty: false }],
  [['--volume', '/a:/b', '-v', '/c:/d'], { volume: ['/a:/b', '/c:/d'] }],
  [['-v=/a:/b', '-v/c:/d', '--volume=/e'], { volume: ['/a:/b', '/c:/d', '/e'] }],
  [['-itv', '/a:/b'], { interactive: true, tty: true, volume: ['/a:/b'] }],
  [['-itv/a=b'], { interactive: true, tty: true, volume: ['/a=b'] }],
  [['--network=host', '--network', 'none'], { network: 'none' }],
  [['--net', 'host'], { network: 'host' }],
  [['--hostname='], { hostname: '' }],
  [['-h', '--tty'], { hostname: '--tty' }],
  [['--plan'], { plan: 'text' }],
  [['--plan=json'], { plan: 'json' }],
];

for (const [args, values] of cases) {
  test(`parseOptions() reads ${args.join(' ')} as ${JSON.stringify(values)}`, () => {
    const parsed = parse(args);
    assert.deepEqual(parsed.values, values);
    assert.deepEqual(parsed.operands, []);
    assert.equal(parsed.afterDashes, undefined);
  });
}

test('parseOptions() looks at nothing after --', () => {
  const parsed = parse(['-t', '--', '-i', '--', 'x']);
  assert.deepEqual(parsed.values, { tty: true });
  assert.deepEqual(parsed.afterDashes, ['-i', '--', 'x']);
});

test('parseOptions() goes on after an operand, and a lone - is one', () => {
  const parsed = parse(['a', '-t', '-', 'b']);
  assert.deepEqual(parsed.values, { tty: true });
  assert.deepEqual(parsed.operands, ['a', '-', 'b']);
});

test('parseOptions() with stopAtOperand takes everything from the first operand on as operands', () => {
  const parsed = parse(['-t', 'image', 'sh', '-i', '--', '--nonsense'], true);
  assert.deepEqual(parsed.values, { tty: true });
  assert.deepEqual(parsed.operands, ['image', 'sh', '-i', '--', '--nonsense']);
  assert.equal(parsed.afterDashes, undefined);
});

test('parseOptions() gives back any value of --volume=VALUE and -v VALUE as it was', () => {
  fc.assert(
    fc.property(fc.string(), (value) => {
      assert.deepEqual(parse([`--volume=${value}`]).values.volume, [value]);
      assert.deepEqual(parse(['-v', value]).values.volume, [value]);
    }),
  );
});

test('parseOptions() throws nothing but WarrenError, whatever the words', () => {
  const word = fc.oneof(
    fc.string(),
    fc.constantFrom('--', '-', '-i', '-v', '--plan', '--tty=x', '-it', '--net'),
  );
  fc.assert(
    fc.property(fc.array(word), fc.boolean(), (args, stop) => {
      try {
        parse(args, stop);
      } catch (error) {
        assert.ok(error instanceof WarrenError, String(error));
      }
    }),
  );
});

const failures: readonly [args: string[], code: string, fix: RegExp][] = [
  [['--volum', '/a'], 'ERR_OPTION_UNKNOWN', /--volume/],
  [['--netwrok', 'host'], 'ERR_OPTION_UNKNOWN', /--network/],
  [['-network', 'x'], 'ERR_OPTION_UNKNOWN', /--network/],
  [['-x'], 'ERR_OPTION_UNKNOWN', /warren test --help/],
  [['--entirely-else'], 'ERR_OPTION_UNKNOWN', /^see: /],
  [['--volume'], 'ERR_OPTION_VALUE_MISSING', /--volume SPEC/],
  [['-iv'], 'ERR_OPTION_VALUE_MISSING', /-v SPEC/],
  [['--tty=maybe'], 'ERR_OPTION_VALUE', /--tty=false/],
];

for (const [args, code, fix] of failures) {
  test(`parseOptions() refuses ${args.join(' ')} with ${code} and a remedy`, () => {
    assert.throws(
      () => parse(args),
      (error) => error instanceof WarrenError && error.code === code && fix.test(error.fix ?? ''),
    );
  });
}

test('parseOptions() takes -hostname for -h ostname, as docker does', () => {
  assert.deepEqual(parse(['-hostname']).values, { hostname: 'ostname' });
});
