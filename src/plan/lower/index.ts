/** From steps to calls: pure, one function a step. */
import type { Call } from '../call.js';
import type { Step } from '../step.js';
import * as cgroup from './cgroup.js';
import * as mounts from './mounts.js';
import * as outside from './outside.js';
import * as probe from './probe.js';
import * as process from './process.js';
import * as root from './root.js';

export function lower(step: Step): readonly Call[] {
  switch (step.op) {
    case 'adopt-orphans':
      return outside.adoptOrphans();
    case 'open-namespace':
      return outside.openNamespace(step);
    case 'join-namespace':
      return outside.joinNamespace(step);
    case 'time-offsets':
      return outside.timeOffsets(step);
    case 'own-mounts':
      return root.ownMounts();
    case 'cgroup-parent':
      return cgroup.cgroupParent(step);
    case 'cgroup':
      return cgroup.cgroup(step);
    case 'clone':
      return outside.clone(step);
    case 'map-ids':
      return outside.mapIds(step);
    case 'open-user-namespace':
      return outside.openUserNamespace();
    case 'hand-over-root':
      return outside.handOverRoot();
    case 'detach-root':
      return root.detachRoot(step);
    case 'release':
      return outside.release();
    case 'supervise':
      return outside.supervise(step);
    case 'enter':
      return outside.enter(step);
    case 'join-cgroups':
      return cgroup.joinCgroups(step);
    case 'receive-root':
      return outside.receiveRoot();
    case 'open-source':
      return mounts.openSource(step);
    case 'propagation':
      return root.propagation();
    case 'scratch':
      return root.scratch(step);
    case 'attach-scratch':
      return root.attachScratch();
    case 'layer':
      return root.layer(step);
    case 'layer-directory':
      return root.layerDirectory(step);
    case 'layer-file':
      return root.layerFile(step);
    case 'overlay':
      return root.overlay(step);
    case 'skeleton':
      return root.skeleton(step);
    case 'directory-root':
      return root.directoryRoot(step);
    case 'attach-root':
      return root.attachRoot();
    case 'attach-layer':
      return root.attachLayer(step);
    case 'mount':
      return mounts.mount(step);
    case 'devices':
      return mounts.devices(step);
    case 'bind-system':
      return mounts.bindSystem(step);
    case 'cgroups':
      return mounts.cgroups(step);
    case 'bind':
      return mounts.bind(step);
    case 'loopback':
      return process.loopback();
    case 'sysctl':
      return mounts.sysctl(step);
    case 'oom-score':
      return mounts.oomScore(step);
    case 'empty-directory':
      return mounts.emptyDirectory();
    case 'mask':
      return mounts.mask(step);
    case 'read-only-path':
      return mounts.readOnlyPath(step);
    case 'terminal':
      return process.terminal(step);
    case 'read-only-root':
      return root.readOnlyRoot();
    case 'pivot':
      return root.pivot();
    case 'hostname':
      return process.hostname(step);
    case 'domainname':
      return process.domainname(step);
    case 'working-directory':
      return root.workingDirectory(step);
    case 'umask':
      return process.umask(step);
    case 'rlimit':
      return process.rlimit(step);
    case 'bounding':
      return process.bounding(step);
    case 'user':
      return process.user(step);
    case 'capabilities':
      return process.capabilities(step);
    case 'no-new-privileges':
      return process.noNewPrivileges();
    case 'die-with-parent':
      return process.dieWithParent();
    case 'init':
      return process.init(step);
    case 'close-rest':
      return process.closeRest();
    case 'seccomp':
      return process.seccomp(step);
    case 'unblock-signals':
      return process.unblockSignals();
    case 'exec':
      return process.exec(step);
    case 'collect-cgroups':
      return cgroup.collectCgroups(step);
    case 'leave':
      return probe.leave(step);
    case 'probe-sysctls':
      return probe.probeSysctls(step);
    case 'read-sysctl':
      return probe.readSysctl(step);
    case 'write-sysctl':
      return probe.writeSysctl(step);
  }
}
