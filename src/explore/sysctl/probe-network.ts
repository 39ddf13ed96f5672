/** Parameters of network namespaces, in throw-away ones that are held by descriptors. */
import { ANSWER_SLOTS } from '../../plan/lower/probe.js';
import type { NetworkSysctls } from '../../kernel/sysctl-files.js';
import { accessOfErrno, type Access } from '../../kernel/sysctl-reading.js';
import { otherValues } from './other-value.js';
import { errnoNames, Place } from './place.js';
import type { Probed } from './probe.js';
import { isOwnForSure, isolation, origin, type MarkSeen, type Sight } from './probe-conclude.js';
import { inInitialNetwork } from './surroundings.js';
import { userIds } from './survey.js';
import type { SysctlTools } from './tools.js';

/** @throws {WarrenError} `ERR_STEP` where namespaces cannot be made. */
export async function probeNetwork(
  tools: SysctlTools,
  release: string,
  asked?: readonly string[],
): Promise<Probed[]> {
  const host = Place.own(tools);
  const fresh = await Place.fresh(tools);
  try {
    const paths = asked ?? union(host.network?.keys() ?? [], fresh.network?.keys() ?? []);
    const creator = await marked(tools, paths, networkOf(host), networkOf(fresh), release);
    try {
      const child = await Place.fresh(tools, { from: creator.place.networkFd ?? -1 });
      try {
        const userAccess = await userAccesses(tools, paths);
        return paths.map((path) => {
          const sight: Sight = {
            host: networkOf(host).read(path),
            fresh: networkOf(fresh).read(path),
            child: networkOf(child).read(path),
            access: networkOf(fresh).access(path),
            mark: creator.marks.get(path),
            hostIsInitial: inInitialNetwork(),
          };
          return {
            path,
            host: sight.host,
            fresh: sight.fresh,
            access: sight.access,
            userAccess: userAccess.get(path) ?? 'absent',
            isolated: isolation(sight, release),
            origin: origin(sight),
          };
        });
      } finally {
        child.close();
      }
    } finally {
      creator.place.close();
    }
  } finally {
    fresh.close();
    host.close();
  }
}

/** A namespace in which everything has another value, as far as it is certain that only the namespace gets it. */
async function marked(
  tools: SysctlTools,
  paths: readonly string[],
  host: NetworkSysctls,
  fresh: NetworkSysctls,
  release: string,
): Promise<{ place: Place; marks: ReadonlyMap<string, MarkSeen> }> {
  const place = await Place.fresh(tools);
  const files = networkOf(place);
  const marks = new Map<string, MarkSeen>();
  const allowed = files.read('net/ipv4/tcp_allowed_congestion_control');
  const choices = 'value' in allowed ? allowed.value.split(' ') : [];
  for (const path of paths) {
    const hostBefore = host.read(path);
    const first = fresh.read(path);
    if (!('value' in first) || !isOwnForSure(path, hostBefore, first, release)) continue;
    for (const candidate of otherValues(path, first.value, choices)) {
      if (files.write(path, candidate) !== undefined) continue;
      const now = files.read(path);
      if (!('value' in now) || now.value === first.value) continue;
      marks.set(path, { value: now.value, hostBefore, hostAfter: host.read(path) });
      break;
    }
  }
  return { place, marks };
}

/** In a user namespace of the launcher's own, one after the other. */
async function userAccesses(
  tools: SysctlTools,
  paths: readonly string[],
): Promise<ReadonlyMap<string, Access>> {
  const found = new Map<string, Access>();
  for (let start = 0; start < paths.length; start += ANSWER_SLOTS) {
    const some = paths.slice(start, start + ANSWER_SLOTS);
    const reply = await tools.ask({
      steps: [
        { op: 'leave', kinds: ['user', 'net'], ...userIds() },
        { op: 'probe-sysctls', paths: some },
      ],
    });
    for (const [index, path] of some.entries()) {
      const answer = reply.readInt32LE(4 + index * 4);
      found.set(path, answer >= 0 ? 'writable' : accessOfErrno(errnoNames.get(-answer) ?? 'ENOENT'));
    }
  }
  return found;
}

function networkOf(place: Place): NetworkSysctls {
  if (!place.network) throw new TypeError('it has a network');
  return place.network;
}

function union(a: readonly string[], b: readonly string[]): string[] {
  return [...new Set([...a, ...b])].sort();
}
