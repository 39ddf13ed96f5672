import { quote, WarrenError } from '../../errors.js';
import { errnoOf, whyOf } from './directory.js';

/** What would have to go is not removed. */
export function conflict(name: string, there: string, wanted: string): WarrenError {
  return new WarrenError('ERR_COPY_CONFLICT', `Cannot copy ${quote(name)}`, {
    kind: 'conflict',
    why: `${there} is there, and ${wanted} would have to take its place`,
    fix: 'remove it first, or copy to another place',
  });
}

/** A system error as one about the file that was to be written; others as they are. */
export function asCopyError(error: unknown, name: string): unknown {
  const { syscall } = error as NodeJS.ErrnoException;
  if (syscall === undefined || error instanceof WarrenError) return error;
  const errno = errnoOf(error);
  return new WarrenError('ERR_COPY_WRITE', `Cannot write ${quote(name)}`, {
    kind: errno === 'ENOSPC' || errno === 'EDQUOT' ? 'resource-exhausted' : 'kernel',
    why: whyOf(error),
    syscall,
    errno,
    cause: error,
  });
}
