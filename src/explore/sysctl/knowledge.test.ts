import assert from 'node:assert/strict';
import { test } from 'node:test';
import { netSysctlFacts } from '../../kernel/net-sysctls.js';
import { sysctlKnowledge } from './knowledge.js';
import { sysctlFacts } from './table/index.js';
import { atLeast, measuredKernels, measuredOf, seriesOf } from '../../kernel/sysctl-measured.js';

test('the table and every census agree on where first values come from', () => {
  const wrong: string[] = [];
  for (const kernel of measuredKernels) {
    for (const { origin, keys } of kernel.groups) {
      for (const path of keys) {
        const known = sysctlFacts(path)?.origin;
        if (origin === undefined) continue;
        const fits =
          origin === known ||
          // A census sees that the host's value does not matter, not what does.
          (origin === 'default-or-computed' &&
            (known === 'default' || known === 'computed' || known === 'conf-default'));
        if (!fits) wrong.push(`${kernel.series} ${path}: ${origin} measured, ${String(known)} in the table`);
      }
    }
  }
  assert.deepEqual(wrong, []);
});

/** Changes that the stable series 6.1 took over later. */
const backported = new Set([
  'net/ipv4/icmp_msgs_burst',
  'net/ipv4/icmp_msgs_per_sec',
  'net/ipv4/tcp_shrink_window',
]);

test('the table says since when as the censuses of an old and a new kernel have it', () => {
  const wrong: string[] = [];
  for (const path of measuredKernels.flatMap(({ groups }) => groups.flatMap((group) => group.keys))) {
    const since = sysctlFacts(path)?.since;
    if (since === undefined || backported.has(path)) continue;
    for (const { series, groups } of measuredKernels) {
      // A key may be missing for want of a module; what a kernel has of its own cannot be from later.
      const own = groups.some(({ access, keys }) => access === 'writable' && keys.includes(path));
      if (own && !atLeast(series, since)) wrong.push(`${path}: own in ${series}, said to be since ${since}`);
      if (!own && atLeast(series, since) && path.startsWith('net/ipv4/tcp_') && !path.endsWith('entries'))
        wrong.push(`${path}: not own in ${series}, said to be since ${since}`);
    }
  }
  assert.deepEqual(wrong, []);
});

test('the table has an origin for every key that a census found in a fresh namespace', () => {
  const keys = measuredKernels.flatMap(({ groups }) => groups.flatMap((group) => group.keys));
  assert.ok(new Set(keys).size > 500);
  assert.deepEqual(
    keys.filter((path) => sysctlFacts(path)?.origin === undefined),
    [],
  );
});

test('no census found a key that leaks; what could not be tried is marked as such', () => {
  const leaks = measuredKernels.flatMap(({ groups }) => groups.filter(({ leaks }) => leaks === true));
  assert.deepEqual(leaks, []);
});

test('the list of absent keys and the census of its kernel agree', () => {
  for (const [path, { state, measuredOn }] of netSysctlFacts()) {
    if (measuredOn === undefined || state !== 'absent' || path.includes('*')) continue;
    const kernel = measuredKernels.find(({ series }) => series === measuredOn);
    assert.ok(kernel?.absent.includes(path), path);
  }
});

test('sysctlKnowledge() tells the articles’ four keys apart', () => {
  const origin = (name: string): unknown => sysctlKnowledge(`net/ipv4/tcp_${name}`, '6.18.0').origin;
  assert.deepEqual(
    ['congestion_control', 'keepalive_time', 'keepalive_intvl', 'keepalive_probes'].map(origin),
    ['initial', 'default', 'default', 'default'],
  );
});

test('sysctlKnowledge() of a kernel that nobody measured rests on the table', () => {
  const known = sysctlKnowledge('net/ipv4/tcp_keepalive_time', '5.10.0');
  assert.deepEqual([known.origin, known.originSource], ['default', 'table']);
});

test('sysctlKnowledge() has the rules of Kubernetes and docker', () => {
  const rules = (path: string): unknown[] => {
    const { kubernetes, docker } = sysctlKnowledge(path, '6.18.0');
    return [kubernetes, docker];
  };
  assert.deepEqual(rules('net/ipv4/tcp_keepalive_time'), ['safe', 'accepted']);
  assert.deepEqual(rules('net/core/somaxconn'), ['unsafe', 'accepted']);
  assert.deepEqual(rules('kernel/msgmax'), ['unsafe', 'accepted']);
  assert.deepEqual(rules('vm/swappiness'), ['refused', 'refused']);
  // The kubelet knows kernel.msg* and kernel.shm*, docker names.
  assert.deepEqual(rules('kernel/msg_next_id'), ['unsafe', 'refused']);
  assert.deepEqual(rules('kernel/sem_next_id'), ['refused', 'refused']);
});

test('measuredOf() answers for an interface that was not there by the loopback', () => {
  const kernel = measuredKernels[0] ?? assert.fail('no census');
  assert.equal(measuredOf('net/ipv4/conf/eth7/rp_filter', kernel.series)?.access, 'writable');
  assert.equal(measuredOf('net/ipv4/no_such', kernel.series), undefined);
});

test('atLeast() compares numbers, not text', () => {
  assert.equal(atLeast('6.18.44-fc', '4.5'), true);
  assert.equal(atLeast('4.15.0', '4.5'), true);
  assert.equal(atLeast('4.5', '4.15'), false);
  assert.equal(atLeast('6.18', '6.18'), true);
  assert.equal(seriesOf('6.18.44-fc-v669'), '6.18');
});
