import { WarrenError, quote } from '../errors.js';

/** @param action What was wanted, as in `pause`, `attach to`. */
export function notRunningError(name: string, action: string): WarrenError {
  return new WarrenError('ERR_CONTAINER_NOT_RUNNING', `Cannot ${action} the container ${quote(name)}`, {
    kind: 'conflict',
    why: 'it is not running',
    fix: `start it: warren start ${name}`,
  });
}
