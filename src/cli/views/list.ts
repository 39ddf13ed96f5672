/** What `warren ps` prints of containers. */
import { describeStatus, humanDuration } from '../../containers/describe-status.js';
import { filterContainers, imageOf, type ContainerFilters } from '../../containers/filter.js';
import {
  formatPorts,
  networkNamesOf,
  userPlaceOf,
  type NetworkPlace,
} from '../../containers/inspect-network.js';
import type { ContainerSnapshot } from '../../containers/record.js';
import type { Row, RowLayout } from '../format/rows.js';
import { ellipsis, shortId } from '../format/table.js';
import { goQuote } from '../template/index.js';

export interface Selection {
  /** Also those that do not run. */
  readonly all: boolean;
  /** The newest ones only, whatever their state. */
  readonly last: number | undefined;
  readonly filters: ContainerFilters;
}

/**
 * As docker selects: without `all`, only what runs, unless a filter asks for a state or an exit code.
 *
 * @param snapshots The newest first.
 */
export function selectContainers(
  snapshots: readonly ContainerSnapshot[],
  { all, last, filters }: Selection,
): readonly ContainerSnapshot[] {
  const everyState = all || last !== undefined || filters.has('status') || filters.has('exited');
  const found = filterContainers(snapshots, filters).filter(({ status }) => everyState || runs(status.state));
  return last === undefined ? found : found.slice(0, last);
}

function runs(state: ContainerSnapshot['status']['state']): boolean {
  return state === 'running' || state === 'paused' || state === 'restarting';
}

export const listLayout: RowLayout = {
  columns: ['ID', 'Image', 'Command', 'RunningFor', 'Status', 'Ports', 'Names'],
  headings: {
    ID: 'CONTAINER ID',
    Names: 'NAMES',
    Image: 'IMAGE',
    Command: 'COMMAND',
    CreatedAt: 'CREATED AT',
    RunningFor: 'CREATED',
    Ports: 'PORTS',
    State: 'STATE',
    Status: 'STATUS',
    Size: 'SIZE',
    Labels: 'LABELS',
    Mounts: 'MOUNTS',
    LocalVolumes: 'LOCAL VOLUMES',
    Networks: 'NETWORKS',
  },
};

export interface RowStyle {
  /** Ids, commands and mounts in full. */
  readonly full: boolean;
  /** Milliseconds since 1970. */
  readonly nowMs: number;
  /** Where containers are in their networks; asked for only where one is in any. Default: nowhere. */
  readonly places?: () => Places;
}

type Places = ReadonlyMap<string, readonly NetworkPlace[]>;

/** As long as it runs: what it has left is not its own any more. */
function placesOf(
  { record, status }: ContainerSnapshot,
  places: (() => Places) | undefined,
): readonly NetworkPlace[] {
  if (!runs(status.state)) return [];
  const user = userPlaceOf(record);
  if (user) return [user];
  if (!record.networking || !places) return [];
  return places().get(record.id) ?? [];
}

/** docker's names, for templates and `--format json`; all of them text. A field costs nothing until it is asked for. */
export function listRow(snapshot: ContainerSnapshot, { full, nowMs, places }: RowStyle): Row {
  const { record, status } = snapshot;
  const { options, labels } = record;
  return {
    get Command() {
      const command = record.command.map((word) => (/\s/.test(word) ? `'${word}'` : word)).join(' ');
      return goQuote(full ? command : ellipsis(command, 20));
    },
    get CreatedAt() {
      return localTime(record.createdAt);
    },
    ID: full ? record.id : shortId(record.id),
    Image: imageOf(options),
    Label: (name: unknown) => (Object.hasOwn(labels, String(name)) ? labels[String(name)] : ''),
    get Labels() {
      return Object.entries(labels)
        .map(([name, value]) => `${name}=${value}`)
        .join(',');
    },
    LocalVolumes: '0',
    get Mounts() {
      return mountSources(options)
        .map((source) => (full ? source : ellipsis(source, 15)))
        .join(',');
    },
    Names: record.name,
    get Networks() {
      return networkNamesOf(record).join(',');
    },
    get Ports() {
      return formatPorts(placesOf(snapshot, places));
    },
    get RunningFor() {
      return `${humanDuration(nowMs - Date.parse(record.createdAt))} ago`;
    },
    Size: '',
    State: status.state,
    get Status() {
      return describeStatus(status, nowMs);
    },
  };
}

/** For programs: ids in full, times in ISO 8601, numbers as numbers. */
export function listObject(
  snapshot: ContainerSnapshot,
  { nowMs, places }: Pick<RowStyle, 'nowMs' | 'places'>,
): object {
  const { record, status } = snapshot;
  return {
    id: record.id,
    name: record.name,
    image: imageOf(record.options),
    command: record.command,
    createdAt: record.createdAt,
    startedAt: status.startedAt || null,
    finishedAt: status.finishedAt || null,
    state: status.state,
    status: describeStatus(status, nowMs),
    pid: status.pid,
    exitCode: status.exitCode,
    oomKilled: status.oomKilled,
    restartCount: status.restartCount,
    labels: record.labels,
    networks: networkNamesOf(record),
    ports: placesOf(snapshot, places).flatMap(({ ports }) => ports),
  };
}

/** The text before the first colon of a volume, or the source of a mount; what has none is not shown, as in docker. */
function mountSources({ volumes = [], mounts = [] }: ContainerSnapshot['record']['options']): string[] {
  const sources = mounts.map((mount) =>
    typeof mount === 'string' ? /(?:^|,)(?:src|source)=([^,]*)/.exec(mount)?.[1] : mount.source,
  );
  return [...volumes.map((volume) => volume.split(':')[0]), ...sources].filter(
    (source) => source !== undefined,
  );
}

/** As Go prints a time, in the zone of this process. */
function localTime(iso: string): string {
  const date = new Date(iso);
  const offset = -date.getTimezoneOffset();
  const local = new Date(date.getTime() + offset * 60_000).toISOString();
  const digits = (value: number): string => String(value).padStart(2, '0');
  const zone = `${offset < 0 ? '-' : '+'}${digits(Math.floor(Math.abs(offset) / 60))}${digits(Math.abs(offset) % 60)}`;
  return `${local.slice(0, 10)} ${local.slice(11, 19)} ${zone}${offset === 0 ? ' UTC' : ''}`;
}
