import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import { namespaces } from '../../test/support/plan-config.js';
import { readHost } from './host.js';
import type { ContainerOptions } from './options.js';
import { configureSysctls } from './sysctls.js';

const host = readHost();
const own = namespaces();

async function configured(options: ContainerOptions, chosen = own): Promise<[string, string][]> {
  return (
    await configureSysctls(options, { namespaces: chosen, host, idMap: undefined, interfaces: [] })
  ).map(({ path, value }) => [path, value]);
}

const refused = async (options: ContainerOptions, code: string, chosen = own): Promise<void> =>
  assert.rejects(configured(options, chosen), { code });

describe('configureSysctls()', () => {
  test('sets docker’s two defaults in a network namespace of the container’s own', async () => {
    assert.deepEqual(await configured({}), [
      ['net/ipv4/ip_unprivileged_port_start', '0'],
      ['net/ipv4/ping_group_range', '0 2147483647'],
    ]);
    assert.deepEqual(await configured({}, namespaces({ net: { from: 'host' } })), []);
  });

  test('puts what is asked for after the defaults, and in place of them, dotted or slashed', async () => {
    const sysctls = { 'net.ipv4.tcp_keepalive_time': 600, 'net/ipv4/ip_unprivileged_port_start': '1024' };
    assert.deepEqual(await configured({ sysctls }), [
      ['net/ipv4/ping_group_range', '0 2147483647'],
      ['net/ipv4/tcp_keepalive_time', '600'],
      ['net/ipv4/ip_unprivileged_port_start', '1024'],
    ]);
  });

  test('refuses a key that no namespace isolates', async () => {
    for (const key of ['vm.overcommit_memory', 'kernel.pid_max', 'kernel.core_pattern', 'fs.file-max'])
      await refused({ sysctls: { [key]: '1' } }, 'ERR_SYSCTL_NOT_ISOLATED');
  });

  test('refuses a key of a namespace that is shared with the host', async () => {
    const sysctls = { 'net.ipv4.tcp_keepalive_time': 600 };
    await refused({ sysctls }, 'ERR_SYSCTL_NOT_ISOLATED', namespaces({ net: { from: 'host' } }));
    await refused(
      { sysctls: { 'kernel.msgmax': 8192 } },
      'ERR_SYSCTL_NOT_ISOLATED',
      namespaces({ ipc: { from: 'host' } }),
    );
  });

  test('refuses names and values that are malformed, and a key given twice', async () => {
    for (const key of ['', '..', 'net.ipv4/../kernel', 'net.ipv4.x\n', 'a=b', 'net..x'])
      await assert.rejects(configured({ sysctls: { [key]: '1' } }), /ERR_SYSCTL|Cannot/, JSON.stringify(key));
    await refused({ sysctls: { 'net.ipv4.tcp_keepalive_time': 'a\nb' } }, 'ERR_SYSCTL_VALUE');
    const twice = { 'net.ipv4.tcp_keepalive_time': 1, 'net/ipv4/tcp_keepalive_time': 2 };
    await refused({ sysctls: twice }, 'ERR_SYSCTL_NAME');
  });

  test('with Kubernetes’ policy refuses what is not safe, unless a pattern allows it', async () => {
    const sysctls = { 'kernel.domainname': 'example.org' };
    await refused({ sysctls, sysctlPolicy: 'k8s-safe' }, 'ERR_SYSCTL_UNSAFE');
    await refused({ sysctls, allowUnsafeSysctls: ['net.core.*'] }, 'ERR_SYSCTL_UNSAFE');
    const allowed = await configured({ sysctls, allowUnsafeSysctls: ['kernel.d*'] });
    assert.deepEqual(allowed.at(-1), ['kernel/domainname', 'example.org']);
    const safe = { 'net.ipv4.tcp_keepalive_time': 600 };
    assert.equal((await configured({ sysctls: safe, sysctlPolicy: 'k8s-safe' })).length, 3);
  });
});
