/** What `warren stats` prints of readings. */
import type { ContainerSnapshot } from '../../containers/record.js';
import type { ContainerStats } from '../../containers/stats.js';
import type { Row, RowLayout } from '../format/rows.js';
import { binarySize, decimalSize, percentText } from '../format/size.js';
import { shortId } from '../format/table.js';

export const statsLayout: RowLayout = {
  columns: ['ID', 'Name', 'CPUPerc', 'MemUsage', 'MemPerc', 'NetIO', 'BlockIO', 'PIDs'],
  headings: {
    Container: 'CONTAINER',
    ID: 'CONTAINER ID',
    Name: 'NAME',
    CPUPerc: 'CPU %',
    MemUsage: 'MEM USAGE / LIMIT',
    MemPerc: 'MEM %',
    NetIO: 'NET I/O',
    BlockIO: 'BLOCK I/O',
    PIDs: 'PIDS',
  },
};

/** A container, and what was read of it: nothing where it does not run. */
export interface StatsEntry {
  readonly snapshot: ContainerSnapshot;
  readonly stats: ContainerStats | undefined;
}

/** docker's names; what is not known is `--`, as docker shows what it has not read yet; of what does not run all is 0. */
export function statsRow({ snapshot, stats }: StatsEntry, full: boolean): Row {
  const { id, name } = snapshot.record;
  const shown = full ? id : shortId(id);
  const pair = (first: string | undefined, second: string | undefined): string =>
    `${first ?? '--'} / ${second ?? '--'}`;
  const base = { Container: shown, ID: shown, Name: name };
  if (stats === undefined) {
    return {
      ...base,
      CPUPerc: percentText(0),
      MemUsage: pair('0B', '0B'),
      MemPerc: percentText(0),
      NetIO: pair('0B', '0B'),
      BlockIO: pair('0B', '0B'),
      PIDs: '0',
    };
  }
  const { memoryBytes, memoryLimitBytes, network, block } = stats;
  return {
    ...base,
    CPUPerc: percentText(stats.cpuPercent),
    MemUsage: pair(mapped(memoryBytes, binarySize), mapped(memoryLimitBytes, binarySize)),
    MemPerc: percentText(stats.memoryPercent),
    NetIO: pair(mapped(network?.receivedBytes, decimalSize), mapped(network?.sentBytes, decimalSize)),
    BlockIO: pair(mapped(block?.readBytes, decimalSize), mapped(block?.writtenBytes, decimalSize)),
    PIDs: mapped(stats.pids, String) ?? '--',
  };
}

/** For programs: numbers in bytes, null for what is not known. */
export function statsObject({ snapshot, stats }: StatsEntry): object {
  const { id, name } = snapshot.record;
  const known = <T>(value: T | undefined): T | null => value ?? null;
  return {
    id,
    name,
    state: snapshot.status.state,
    cpuPercent: known(stats?.cpuPercent),
    cpuUs: known(stats?.cpuUs),
    memoryBytes: known(stats?.memoryBytes),
    memoryLimitBytes: known(stats?.memoryLimitBytes),
    memoryPercent: known(stats?.memoryPercent),
    network: known(stats?.network),
    block: known(stats?.block),
    pids: known(stats?.pids),
  };
}

function mapped<T, U>(value: T | undefined, map: (value: T) => U): U | undefined {
  return value === undefined ? undefined : map(value);
}
