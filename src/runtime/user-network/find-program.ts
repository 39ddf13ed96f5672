/** Which program can connect a container, and what stands in the way. Reads the host; starts nothing. */
import { accessSync, constants, readFileSync, statSync } from 'node:fs';
import { delimiter, isAbsolute, join } from 'node:path';
import type { UserNetwork } from '../../plan/config.js';
import type { UserNetworkWord } from './words.js';

export type Found = Pick<UserNetwork, 'program' | 'path'>;

/** Why there is none. */
export interface Missing {
  readonly why: string;
  readonly fix: string;
}

export function findProgram(word: UserNetworkWord): Found | Missing {
  const programs = word === 'user' ? (['pasta', 'slirp4netns'] as const) : [word];
  const found = programs.flatMap((program) => {
    const path = inPath(program);
    return path === undefined ? [] : [{ program, path }];
  });
  const [first] = found;
  if (!first) {
    return {
      why: `${programs.join(' and ')} ${programs.length > 1 ? 'are' : 'is'} not in PATH`,
      fix: 'apt-get install passt (which has pasta), or slirp4netns',
    };
  }
  return deviceFault() ?? (first.program === 'pasta' ? wayOutFault() : undefined) ?? first;
}

function inPath(program: string): string | undefined {
  return (process.env['PATH'] ?? '/usr/bin:/bin')
    .split(delimiter)
    .filter((folder) => isAbsolute(folder))
    .map((folder) => join(folder, program))
    .find((path) => {
      try {
        accessSync(path, constants.X_OK);
        return statSync(path).isFile();
      } catch {
        return false;
      }
    });
}

/** Both open it, in the container's network namespace and as the user. */
function deviceFault(): Missing | undefined {
  const device = '/dev/net/tun';
  try {
    accessSync(device, constants.R_OK | constants.W_OK);
    return undefined;
  } catch (error) {
    const { code } = error as NodeJS.ErrnoException;
    return {
      why: code === 'ENOENT' ? `there is no ${device}` : `${device} is not for this user to open (${code})`,
      fix:
        code === 'ENOENT'
          ? 'as root: modprobe tun'
          : `as root: chmod 666 ${device}, as it is by default; to have it at every start: a udev rule`,
    };
  }
}

const RTF_UP = 1;

/** Which families have a default route here. */
function waysOut(): { readonly v4: boolean; readonly v6: boolean } {
  const lines = (name: string): string[][] => {
    try {
      return readFileSync(`/proc/net/${name}`, 'latin1')
        .split('\n')
        .map((line) => line.trim().split(/\s+/));
    } catch {
      return [];
    }
  };
  const isUp = (flags = '0'): boolean => (parseInt(flags, 16) & RTF_UP) !== 0;
  const v4 = lines('route').some(
    ([, destination, , flags, , , , mask]) =>
      destination === '00000000' && mask === '00000000' && isUp(flags),
  );
  // Unreachable ones are kept there too, on lo.
  const v6 = lines('ipv6_route').some(
    ([destination, length, , , , , , , flags, device]) =>
      /^0{32}$/.test(destination ?? '') && length === '00' && isUp(flags) && device !== 'lo',
  );
  return { v4, v6 };
}

/** pasta gives the container the addresses and routes of the device that leads out. */
function wayOutFault(): Missing | undefined {
  const { v4, v6 } = waysOut();
  return v4 || v6
    ? undefined
    : {
        why: 'this host has no default route, which pasta takes its way out by',
        fix: 'connect the host first',
      };
}

/** What is between a program that was found and a port published at an IPv6 address of the host. */
export function ipv6PortFault(program: UserNetwork['program']): Missing | undefined {
  if (program === 'slirp4netns') {
    return {
      why: 'slirp4netns publishes at IPv4 addresses only',
      fix: 'leave the IPv6 address out; or with pasta: apt-get install passt, and --network pasta',
    };
  }
  return waysOut().v6
    ? undefined
    : {
        why: 'this host has no IPv6 default route, and without one pasta has no IPv6 at all',
        fix: 'leave the IPv6 address out, or connect the host by IPv6 first',
      };
}
