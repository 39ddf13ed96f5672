import { WarrenError, quote } from '../errors.js';
import { hasTooFewFields } from '../kernel/sysctl-reading.js';
import { sysctlScope } from '../kernel/sysctl-scope.js';
import { ask } from './launch.js';
import { kindOfScope } from './sysctl-access.js';
import { throwAwayNetwork } from './throw-away.js';
import { wayInto, type Likeness } from './throw-away-way.js';

interface Setting {
  readonly path: string;
  readonly name: string;
  readonly value: string;
}

/**
 * Writes the values in throw-away namespaces, in the order of the start, so that one that the kernel refuses is found out before
 * anything of the container exists. Keys of interfaces that only the container has are left to the start.
 *
 * @throws {WarrenError} `ERR_SYSCTL_VALUE`
 */
export async function checkSysctlValues(settings: readonly Setting[], like: Likeness): Promise<void> {
  const { namespaces } = like;
  const network = settings.filter(({ path }) => sysctlScope(path).scope === 'network');
  if (network.length > 0) {
    const throwAway = await throwAwayNetwork(namespaces.user.from === 'new');
    const { files } = throwAway;
    try {
      for (const setting of network) {
        const errno = files.write(setting.path, setting.value);
        const now = files.read(setting.path);
        // Not there: of an interface. There: a value that names something unknown, such as an algorithm.
        if (errno !== undefined && (errno !== 'ENOENT' || 'value' in now)) throw refused(setting, errno);
        if ('value' in now && hasTooFewFields(setting.value, now.value)) throw incomplete(setting, now.value);
      }
    } finally {
      throwAway.close();
    }
  }
  for (const setting of settings) {
    const { scope } = sysctlScope(setting.path);
    if (scope === 'network' || scope === 'host') continue;
    const kind = kindOfScope[scope];
    try {
      await ask({
        steps: [...wayInto([kind], like), { op: 'write-sysctl', path: setting.path, value: setting.value }],
      });
    } catch (error) {
      if (!(error instanceof WarrenError) || error.errno === undefined) throw error;
      throw refused(setting, error.errno, error);
    }
  }
}

function incomplete({ name, value }: Setting, now: string): WarrenError {
  return new WarrenError('ERR_SYSCTL_VALUE', `Cannot set the sysctl ${quote(name)} to ${quote(value)}`, {
    kind: 'invalid-argument',
    why: `it has ${now.split(/\s+/).length} numbers, and the kernel would keep those that are not given`,
    fix: `give all of them, as in: ${quote(now.replaceAll('\t', ' '))}`,
  });
}

function refused({ name, value }: Setting, errno: string, cause?: unknown): WarrenError {
  return new WarrenError('ERR_SYSCTL_VALUE', `Cannot set the sysctl ${quote(name)} to ${quote(value)}`, {
    kind: 'invalid-argument',
    why: `the kernel refuses the value (${errno}); it was tried in a throw-away namespace`,
    fix: `see its range in the kernel’s documentation: warren sysctl explain ${name}`,
    errno,
    cause,
  });
}
