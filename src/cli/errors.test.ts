import assert from 'node:assert/strict';
import { test } from 'node:test';
import { WarrenError, errorKinds, type ErrorCode, type ErrorKind } from '../errors.js';
import { exitCodeFor, formatError } from './errors.js';

function failure(kind: ErrorKind, code: ErrorCode = 'ERR_TEST'): WarrenError {
  return new WarrenError(code, 'Cannot do "x"', {
    kind,
    why: 'it is so',
    fix: 'do y',
    syscall: 'mount',
    errno: 'EPERM',
  });
}
const plain = { json: false, color: false, debug: false };

test('exitCodeFor() of an ordinary command is 2 for invalid-argument, and 1 for every other kind', () => {
  for (const kind of errorKinds) {
    assert.equal(exitCodeFor(failure(kind), 'ordinary'), kind === 'invalid-argument' ? 2 : 1, kind);
  }
  assert.equal(exitCodeFor(new TypeError('oops'), 'ordinary'), 1);
});

test('exitCodeFor() of a container is 125 for every kind of failure that is not about the command', () => {
  for (const kind of errorKinds) assert.equal(exitCodeFor(failure(kind), 'container'), 125, kind);
  assert.equal(exitCodeFor(new TypeError('oops'), 'container'), 125);
});

test('exitCodeFor() of a container is 126 and 127 for a command that cannot be run or is not there', () => {
  assert.equal(exitCodeFor(failure('not-executable', 'ERR_COMMAND_NOT_EXECUTABLE'), 'container'), 126);
  assert.equal(exitCodeFor(failure('not-found', 'ERR_COMMAND_NOT_FOUND'), 'container'), 127);
  assert.equal(exitCodeFor(failure('kernel', 'ERR_COMMAND_NOT_FOUND'), 'container'), 125);
});

test('formatError() prints the message after "warren:", and the remedy below', () => {
  assert.equal(formatError(failure('kernel'), plain), 'warren: Cannot do "x": it is so\n  fix: do y\n');
});

test('formatError() with json prints one line with code, kind, message, fix, syscall and errno', () => {
  const text = formatError(failure('kernel'), { ...plain, json: true });
  assert.equal(text.split('\n').length, 2);
  assert.deepEqual(JSON.parse(text), {
    code: 'ERR_TEST',
    kind: 'kernel',
    message: 'Cannot do "x": it is so',
    fix: 'do y',
    syscall: 'mount',
    errno: 'EPERM',
  });
});

test('formatError() takes what Warren did not throw for a defect of its own', () => {
  assert.match(formatError(new TypeError('oops'), plain), /^warren: oops\n {2}fix: .*WARREN_DEBUG=1/);
  const fields = JSON.parse(formatError('text', { ...plain, json: true })) as Record<string, unknown>;
  assert.equal(fields['code'], 'ERR_INTERNAL');
  assert.equal(fields['message'], 'text');
});

test('formatError() names every error of an AggregateError', () => {
  const text = formatError(
    new AggregateError([failure('kernel'), new Error('second')], 'Cannot tidy up'),
    plain,
  );
  assert.match(text, /Cannot tidy up/);
  assert.match(text, /also: Cannot do "x"/);
  assert.match(text, /also: second/);
});

test('formatError() with debug shows the stack and the cause', () => {
  const error = new WarrenError('ERR_TEST', 'Cannot', { kind: 'internal', cause: new Error('the cause') });
  const text = formatError(error, { ...plain, debug: true });
  assert.match(text, /errors\.test\.js/);
  assert.match(text, /the cause/);
});

test('formatError() with color paints, and changes no word', () => {
  const colored = formatError(failure('kernel'), { ...plain, color: true });
  assert.notEqual(colored, formatError(failure('kernel'), plain));
  assert.equal(colored.replace(/\u001b\[\d+m/g, ''), formatError(failure('kernel'), plain));
});
