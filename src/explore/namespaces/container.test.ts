import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { containerOfCgroup } from './container.js';

const id = 'a'.repeat(32) + 'b'.repeat(32);

describe('containerOfCgroup()', () => {
  it('knows the names that runtimes give to control groups', () => {
    const paths: [string, string, string][] = [
      ['0::/warren-0123456789ab', 'warren', '0123456789ab'],
      ['4:memory:/some/parent/warren-0123456789ab', 'warren', '0123456789ab'],
      [`9:cpu,cpuacct:/docker/${id}`, 'docker', id],
      [`0::/system.slice/docker-${id}.scope`, 'docker', id],
      [`0::/machine.slice/libpod-${id}.scope/container`, 'podman', id],
      [`0::/kubepods.slice/kubepods-pod1.slice/cri-containerd-${id}.scope`, 'containerd', id],
      [`0::/kubepods.slice/kubepods-pod1.slice/crio-${id}.scope`, 'cri-o', id],
      [`5:pids:/kubepods/burstable/pod12-34/${id}`, 'containerd', id],
      ['0::/lxc.payload.web/init.scope', 'lxc', 'web'],
    ];
    for (const [line, runtime, name] of paths)
      assert.deepEqual(containerOfCgroup(`12:pids:/\n${line}\n`), { runtime, id: name }, line);
  });

  it('takes nothing else for a container', () => {
    for (const line of ['0::/', '0::/user.slice/warren-nothing', `0::/system.slice/other-${id}.service`, ''])
      assert.equal(containerOfCgroup(line), undefined, line);
  });
});
