import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import { bindMount, containerConfig, everyConfig, facts } from '../../test/support/plan-config.js';
import { planContainer } from './container.js';
import { describeStep } from './describe.js';
import type { Step } from './step.js';
import { everyStep } from '../../test/support/every-step.js';

const words = (step: Step): string => describeStep(step).what;

describe('describeStep()', () => {
  test('has words for every step: what it does and why it stands there', () => {
    for (const step of everyStep()) {
      const { what, why } = describeStep(step);
      assert.match(what, /^[a-z]\S* ?.*[^.]$/, `${step.op}: ${what}`);
      assert.match(why, /\w{2,}.*[^.]$/, `${step.op}: ${why}`);
      assert.doesNotMatch(what + why, /undefined|\[object|NaN/, step.op);
    }
  });

  test('shows a layer’s files as the container sees them', () => {
    const { config, facts: host } = everyConfig().find(({ name }) => name.includes('pieces'))!;
    const all = planContainer(config, host).steps.map(words);
    assert.ok(
      all.some((what) => what.includes(' /etc/shadow ')),
      all.join('\n'),
    );
    assert.ok(
      all.some((what) => what.includes(' /etc/ssl/private')),
      all.join('\n'),
    );
    const whole = planContainer(containerConfig(), facts).steps.map(words);
    assert.ok(whole.some((what) => what.includes(' /etc/hostname ')));
  });

  test('names a mount with its flags, a sysctl with its dots, a limit with its words', () => {
    assert.match(
      words({ op: 'bind', mount: bindMount({ readOnly: true, nodev: true }), index: 0 }),
      /\/srv\/data on \/data \(ro,nodev\)/,
    );
    assert.match(
      words({ op: 'sysctl', path: 'net/ipv4/tcp_keepalive_time', value: '600' }),
      /net\.ipv4\.tcp_keepalive_time = 600/,
    );
    assert.match(
      words({ op: 'rlimit', resource: 8, name: 'memlock', soft: 65_536n, hard: 2n ** 64n - 1n }),
      /memlock to 65536:unlimited/,
    );
  });

  test('quotes the command as a shell would take it', () => {
    assert.match(
      words({ op: 'exec', paths: ['/bin/sh'], argv: ['sh', '-c', "echo 'it'"], env: [] }),
      /sh -c 'echo '\\''it'\\'''$/,
    );
  });
});
