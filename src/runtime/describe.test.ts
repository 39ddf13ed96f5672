import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import { everyConfig } from '../../test/support/plan-config.js';
import { planContainer } from '../plan/container.js';
import type { Plan } from '../plan/step.js';
import { planToJson, planToText } from './describe.js';

const plans = everyConfig().map(({ name, config, facts }) => ({ name, plan: planContainer(config, facts) }));

/** Numbers of the steps that a text shows, ranges written out. */
function numbersIn(text: string): number[] {
  return [...text.matchAll(/^ *(\d+)(?:–(\d+))? {2}\S/gm)].flatMap(([, first, last]) =>
    Array.from({ length: Number(last ?? first) - Number(first) + 1 }, (_, index) => Number(first) + index),
  );
}

describe('planToJson()', () => {
  test('is JSON for every configuration, with words, fields and calls of every step', () => {
    for (const { name, plan } of plans) {
      const { steps } = JSON.parse(JSON.stringify(planToJson(plan))) as { steps: Record<string, unknown>[] };
      assert.equal(steps.length, plan.steps.length, name);
      for (const [index, step] of steps.entries()) {
        assert.equal(step['number'], index + 1);
        assert.match(String(step['side']), /^(inside|outside)$/);
        assert.ok(step['what'] && step['why'], name);
        assert.equal((step['step'] as { op: string }).op, plan.steps[index]?.op);
        assert.ok(Array.isArray(step['calls']));
      }
    }
  });

  test('writes bytes as base64 and big integers in hexadecimal', () => {
    const plan: Plan = {
      steps: [
        { op: 'seccomp', program: new Uint8Array([1, 2, 3, 4, 5, 6, 7, 8]), flags: 0 },
        { op: 'bounding', keep: 0xa804_25fbn, last: 40 },
      ],
    };
    const { steps } = JSON.parse(JSON.stringify(planToJson(plan))) as { steps: { step: object }[] };
    assert.deepEqual(steps[0]?.step, { op: 'seccomp', program: 'AQIDBAUGBwg=', flags: 0 });
    assert.deepEqual(steps[1]?.step, { op: 'bounding', keep: '0xa80425fb', last: 40 });
  });

  test('tells which steps are taken outside, and which inside', () => {
    const { steps } = planToJson(plans[0]!.plan) as { steps: { side: string; step: { op: string } }[] };
    const side = (op: string): string | undefined => steps.find(({ step }) => step.op === op)?.side;
    assert.deepEqual(['clone', 'supervise', 'enter', 'exec'].map(side), [
      'outside',
      'outside',
      'inside',
      'inside',
    ]);
  });
});

describe('planToText()', () => {
  test('numbers every step once, in order', () => {
    for (const { name, plan } of plans) {
      assert.deepEqual(
        numbersIn(planToText(plan)),
        plan.steps.map((_, index) => index + 1),
        name,
      );
    }
  });

  test('shows steps that differ in one path as one, with all of the paths', () => {
    const mask = (path: string) => ({ op: 'mask', path }) as const;
    const text = planToText({ steps: [mask('/proc/kcore'), mask('/proc/keys'), { op: 'pivot' }] });
    assert.match(text, /^1–2 {2}mask \/proc\/kcore, \/proc\/keys$/m);
    assert.match(text, /and the same for the other one$/m);
    assert.match(text, /^ {2}3 {2}pivot/m);
  });

  test('keeps apart what has a reason of its own', () => {
    const lock = (path: string) => ({ op: 'read-only-path', path }) as const;
    const text = planToText({ steps: [lock('/proc/bus'), lock('/proc/sys'), lock('/proc/irq')] });
    assert.deepEqual(numbersIn(text), [1, 2, 3]);
    assert.equal(text.match(/–/g), null);
  });

  test('shows the flags of system calls by their names', () => {
    const text = planToText(plans[0]!.plan);
    assert.match(text, /mount_setattr\(AT_FDCWD, "\/", AT_RECURSIVE, \{propagation=MS_PRIVATE\}\)/);
    assert.match(text, /prctl\(PR_SET_PDEATHSIG, SIGKILL\)/);
    assert.doesNotMatch(text, /0x8000\b|undefined|\[object/);
  });
});
