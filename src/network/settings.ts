/** docker's `--opt KEY=VALUE` of a network, read and checked. Pure. */
import { invalid, quote, type WarrenError } from '../errors.js';
import { checkInterfaceName } from '../netlink/index.js';
import { type MacvlanMode, macvlanModes, type NetworkDriver } from './record.js';

export interface NetworkSettings {
  /** 68 … 65535 bytes. */
  readonly mtu?: number;
  readonly icc?: boolean;
  readonly masquerade?: boolean;
  /** The bridge's name, or the parent of macvlan. */
  readonly device?: string;
  readonly macvlanMode?: MacvlanMode;
}

/** Short names, docker's long ones, and the drivers that know them. */
const known: Readonly<
  Record<string, { readonly name: keyof NetworkSettings; readonly drivers: readonly NetworkDriver[] }>
> = {
  mtu: { name: 'mtu', drivers: ['bridge', 'routed', 'macvlan'] },
  'com.docker.network.driver.mtu': { name: 'mtu', drivers: ['bridge', 'routed', 'macvlan'] },
  icc: { name: 'icc', drivers: ['bridge', 'routed'] },
  'com.docker.network.bridge.enable_icc': { name: 'icc', drivers: ['bridge'] },
  masquerade: { name: 'masquerade', drivers: ['bridge', 'routed'] },
  'com.docker.network.bridge.enable_ip_masquerade': { name: 'masquerade', drivers: ['bridge'] },
  bridge: { name: 'device', drivers: ['bridge'] },
  'com.docker.network.bridge.name': { name: 'device', drivers: ['bridge'] },
  parent: { name: 'device', drivers: ['macvlan'] },
  mode: { name: 'macvlanMode', drivers: ['macvlan'] },
  macvlan_mode: { name: 'macvlanMode', drivers: ['macvlan'] },
};

/** @throws {WarrenError} `ERR_NETWORK_OPTION`, `ERR_INTERFACE_NAME` */
export function readSettings(
  driver: NetworkDriver,
  options: Readonly<Record<string, string>>,
): NetworkSettings {
  const found: { -readonly [K in keyof NetworkSettings]: NetworkSettings[K] } = {};
  for (const [key, value] of Object.entries(options)) {
    const option = Object.hasOwn(known, key) ? known[key] : undefined;
    if (!option?.drivers.includes(driver)) {
      const names = Object.keys(known).filter((name) => known[name]?.drivers.includes(driver) === true);
      throw bad(
        key,
        value,
        `the driver ${driver} has no such option`,
        `its options are: ${names.join(', ')}`,
      );
    }
    switch (option.name) {
      case 'mtu':
        found.mtu = readMtu(key, value);
        break;
      case 'icc':
      case 'masquerade':
        found[option.name] = readBoolean(key, value);
        break;
      case 'device':
        found.device = checkInterfaceName(value);
        break;
      case 'macvlanMode': {
        const mode = macvlanModes.find((each) => each === value);
        if (mode === undefined) throw bad(key, value, `the modes are ${macvlanModes.join(', ')}`);
        found.macvlanMode = mode;
      }
    }
  }
  if (driver === 'macvlan' && found.device === undefined)
    throw bad('parent', '', 'a macvlan network needs a device of the host', 'write --opt parent=eth0');
  return found;
}

function readMtu(key: string, value: string): number {
  const mtu = /^\d{1,5}$/.test(value) ? Number(value) : NaN;
  // RFC 791: every host takes 68 bytes; the kernel refuses less.
  if (!(mtu >= 68 && mtu <= 65_535)) throw bad(key, value, 'it is no number from 68 to 65535');
  return mtu;
}

function readBoolean(key: string, value: string): boolean {
  if (value === 'true' || value === '1') return true;
  if (value === 'false' || value === '0') return false;
  throw bad(key, value, 'it is neither true nor false');
}

function bad(key: string, value: string, why: string, fix?: string): WarrenError {
  return invalid('ERR_NETWORK_OPTION', `Cannot use the network option ${quote(`${key}=${value}`)}`, why, fix);
}
