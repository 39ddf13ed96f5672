import assert from 'node:assert/strict';
import { join, relative } from 'node:path';
import { test } from 'node:test';
import { repositoryRoot } from '../support/cli.js';
import { assertFakeHost } from '../support/fake-host.js';
import { assertNoTraces, takeTraces } from '../support/leaks.js';
import { rangedUser } from './support.js';

assertFakeHost();

test('start() leaves nothing when a map is not written, or nobody is there any more to have it', async () => {
  const user = rangedUser();
  try {
    const checkout = join(user.home, '../checkout');
    const build = join(checkout, relative(repositoryRoot, join(import.meta.dirname, '../..')));
    const before = takeTraces();
    const script = `
      process.env.WARREN_LAUNCHER = '${checkout}/prebuilds/linux-${process.arch}/warren-launcher-fault';
      const { plan, start } = await import('${build}/src/index.js');
      const { encodePlan } = await import('${build}/src/plan/encode.js');
      const { lower } = await import('${build}/src/plan/lower/index.js');
      const { readFileSync } = await import('node:fs');
      const { steps } = await plan(['true']);
      const encoded = encodePlan(steps.map((step) => ({ calls: lower(step) })));
      const tried = new Set();
      for (let index = 0; index < encoded.opCount; index++) {
        const { step, call } = encoded.locate(index);
        const { op } = steps[step];
        if (!['clone', 'map-ids', 'release', 'enter'].includes(op)) continue;
        if (call.op === 'set' || call.op === 'peek32') continue;
        process.env.WARREN_FAULT = index + ':5';
        const error = await start(['true'], { stdout: 'ignore', stderr: 'ignore' }).catch((error) => error);
        const isTold = call.op === 'helper'
          ? error.code === 'ERR_IDMAP_HELPER' && error.errno === 'EIO'
          // The process inside has failed: told by itself, or by whoever was to write its maps.
          : error.code === 'ERR_STEP' || (op === 'enter' && error.code === 'ERR_IDMAP_HELPER');
        if (!isTold) console.log(index, op, error.message);
        if (readFileSync('/proc/self/task/' + process.pid + '/children', 'latin1') !== '') console.log(index, op, 'child');
        tried.add(op + ' ' + call.op);
      }
      console.log([...tried].join());
    `;
    const { stdout, stderr } = await user.run(['node', '--input-type=module', '--eval', script]);
    // Nothing but what was tried: each was told, and no process was left.
    const tried = 'clone call,map-ids call,map-ids helper,release call,enter call,enter check\n';
    assert.equal(stdout, tried, stderr);
    await assertNoTraces(before);
  } finally {
    user[Symbol.dispose]();
  }
});
