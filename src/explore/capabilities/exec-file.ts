import { constants, fstatSync, readFileSync, readSync, readlinkSync, closeSync } from 'node:fs';
import { isAbsolute, join } from 'node:path';
import { WarrenError, quote } from '../../errors.js';
import type { ExecFile } from '../../kernel/exec-capabilities.js';
import {
  type FileCapabilities,
  decodeFileCapabilities,
  fileCapabilityAttribute,
} from '../../kernel/file-capabilities.js';
import { idToInside } from '../../kernel/idmap.js';
import { parseMountinfo } from '../../kernel/mountinfo.js';
import { openBelow } from '../../native/index.js';
import { getXattr } from '../../native/xattr.js';
import type { UserNamespaceChain } from '../ids/levels.js';
import { type ProcessTarget, errnoOf, withProcess } from '../target.js';

/** A program as a process would find it, and what the kernel looks at when the process executes it. */
export interface ExecutableFacts {
  /** In the process's root. For a script: its interpreter, whose bits and capabilities count, and not the script's. */
  readonly path: string;
  /** The scripts that led there, in order. */
  readonly scripts: readonly string[];
  readonly file: ExecFile;
}

/** The kernel follows no more interpreters than this. */
const maxInterpreters = 5;

/**
 * @param path As the process would name it: from its root, or from its working directory.
 * @throws {WarrenError} `ERR_PROCESS_NOT_FOUND`, `ERR_PROCESS_DENIED`, `ERR_EXEC_FILE`.
 * @see execve(2)
 */
export async function readExecutable(
  target: ProcessTarget,
  path: string,
  userNamespaces: UserNamespaceChain,
): Promise<ExecutableFacts> {
  return withProcess(target, async (directory) => {
    const scripts: string[] = [];
    let at = isAbsolute(path) ? path : join(readlinkSync(`${directory}/cwd`), path);
    for (;;) {
      const { file, interpreter } = look(directory, at, userNamespaces);
      if (interpreter === undefined) return { path: at, scripts, file };
      if (scripts.length === maxInterpreters) {
        throw execError(path, 'its interpreters are scripts, more than the kernel follows (ELOOP)');
      }
      scripts.push(at);
      at = isAbsolute(interpreter) ? interpreter : join(readlinkSync(`${directory}/cwd`), interpreter);
    }
  });
}

function look(
  directory: string,
  path: string,
  userNamespaces: UserNamespaceChain,
): { file: ExecFile; interpreter: string | undefined } {
  let fd: number;
  try {
    // Non-blocking: a FIFO would be waited at.
    fd = openBelow(`${directory}/root`, path, constants.O_RDONLY | constants.O_NONBLOCK | constants.O_NOCTTY);
  } catch (error) {
    const errno = errnoOf(error);
    throw execError(
      path,
      errno === 'ENOENT'
        ? 'there is no such file in the process’s root'
        : `it cannot be opened (${errno ?? 'unknown'})`,
      error,
    );
  }
  try {
    const stat = fstatSync(fd);
    if (!stat.isFile()) throw execError(path, 'it is not a regular file');
    if ((stat.mode & 0o111) === 0) throw execError(path, 'it has no execute permission for anybody (EACCES)');
    const [own] = userNamespaces.levels;
    const uid = idToInside(own?.uid?.ranges ?? [], stat.uid);
    const gid = idToInside(own?.gid?.ranges ?? [], stat.gid);
    // Both must have names there, or neither bit counts.
    const mapped = uid !== undefined && gid !== undefined;
    const isSetGid = (stat.mode & 0o2010) === 0o2010;
    return {
      interpreter: interpreterOf(fd),
      file: {
        setUid: mapped && (stat.mode & 0o4000) !== 0 ? uid : undefined,
        setGid: mapped && isSetGid ? gid : undefined,
        capabilities: capabilitiesOf(fd),
        nosuid: isNosuid(directory, fd),
      },
    };
  } finally {
    closeSync(fd);
  }
}

function capabilitiesOf(fd: number): FileCapabilities | undefined {
  try {
    return decodeFileCapabilities(getXattr(fd, Buffer.from(fileCapabilityAttribute)));
  } catch (error) {
    const errno = errnoOf(error);
    // EOVERFLOW: of a user namespace that is not ours nor above us.
    if (errno === 'ENODATA' || errno === 'EOPNOTSUPP' || errno === 'EOVERFLOW') return undefined;
    throw error;
  }
}

/** By the mount's number, for a name could lead to another. */
function isNosuid(directory: string, fd: number): boolean {
  const id = /^mnt_id:\s*(\d+)$/m.exec(readFileSync(`/proc/self/fdinfo/${fd}`, 'utf8'))?.[1];
  const mount = parseMountinfo(readFileSync(`${directory}/mountinfo`, 'utf8')).find(
    (each) => each.id === Number(id),
  );
  return mount?.options.includes('nosuid') ?? false;
}

/** What stands behind `#!`, up to the first space. */
function interpreterOf(fd: number): string | undefined {
  const start = Buffer.alloc(256);
  const length = readSync(fd, start, 0, start.length, 0);
  return /^#![ \t]*([^ \t\n\0]+)/.exec(start.toString('latin1', 0, length))?.[1];
}

function execError(path: string, why: string, cause?: unknown): WarrenError {
  return new WarrenError('ERR_EXEC_FILE', `Cannot tell what executing ${quote(path)} would give`, {
    kind: 'not-executable',
    why,
    fix: 'give the path of a program, as the process would name it',
    cause,
  });
}
