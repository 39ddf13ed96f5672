import assert from 'node:assert/strict';
import { test } from 'node:test';
import { logsCommand } from './logs.js';

test('logs takes one container, and says so', async () => {
  for (const operands of [[], ['a', 'b']])
    await assert.rejects(
      logsCommand.run({ values: {}, operands, afterDashes: undefined }, { env: {} }),
      { code: 'ERR_USAGE', kind: 'invalid-argument' },
      operands.join(' '),
    );
});

test('logs refuses a wrong time before it looks for the container', async () => {
  const running = logsCommand.run(
    { values: { since: 'yesterday' }, operands: ['no-such-container'], afterDashes: undefined },
    { env: {} },
  );
  await assert.rejects(running, { code: 'ERR_OPTION_VALUE' });
});
