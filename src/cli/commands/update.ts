import { invalid } from '../../errors.js';
import { defineCommand } from '../command.js';
import { eachContainer, namesOf } from './each-container.js';
import { keepOptionTable } from './keep-options.js';
import { runOptionTable } from './run-options.js';
import { readLimits } from './run-request.js';

const {
  memory,
  'memory-swap': memorySwap,
  'memory-reservation': memoryReservation,
  cpus,
  'cpu-shares': cpuShares,
  'cpuset-cpus': cpusetCpus,
  'cpuset-mems': cpusetMems,
  'pids-limit': pidsLimit,
  'blkio-weight': blkioWeight,
} = runOptionTable;

/** `warren update`: the limits of `warren run`, and its restart policy. */
export const updateCommand = defineCommand({
  name: 'update',
  summary: 'Change limits and restart policy of containers, also of running ones.',
  usage: ['[OPTIONS] CONTAINER…'],
  options: {
    memory,
    'memory-swap': memorySwap,
    'memory-reservation': memoryReservation,
    cpus,
    'cpu-shares': cpuShares,
    'cpuset-cpus': cpusetCpus,
    'cpuset-mems': cpusetMems,
    'pids-limit': pidsLimit,
    'blkio-weight': blkioWeight,
    restart: { ...keepOptionTable.restart, help: 'the new policy: no, always, on-failure[:N]' },
  },
  notes: `
What is not given, or 0, stays as it is; -1 is no limit. All changes of a container are made, or none.

Examples:
  warren update -m 256m --memory-swap 512m web
  warren update --restart on-failure:3 web db`,
  async run(parsed) {
    const names = namesOf('update', parsed);
    const limits = readLimits(parsed.values);
    const { restart: policy } = parsed.values;
    if (limits === undefined && policy === undefined) {
      throw invalid(
        'ERR_USAGE',
        'Cannot update',
        'nothing to change was given',
        'see what can be: warren update --help',
      );
    }
    const change = {
      ...(limits === undefined ? {} : { limits }),
      ...(policy === undefined ? {} : { restart: policy }),
    };
    return eachContainer(names, async (container, name) => {
      await container.update(change);
      return name;
    });
  },
});
