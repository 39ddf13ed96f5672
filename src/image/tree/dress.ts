import { chmodSync, chownSync, closeSync, constants, fchmodSync, fchownSync, fstatSync } from 'node:fs';
import { invalid, quote } from '../../errors.js';
import { setTimes, setXattr } from '../../native/xattr.js';
import { encodeName } from '../tar/byte-text.js';
import type { TarHeader } from '../tar/header.js';
import {
  CAPABILITY,
  capabilityForDisk,
  idForDisk,
  isNoSupport,
  isPortable,
  type IdKind,
} from './attributes.js';
import { type Directory, errnoOf, selfPath } from './directory.js';
import { conflict } from './errors.js';
import type { ExtractOptions } from './extract.js';

const { S_IFMT, S_IFLNK } = constants;
const S_ISUID = 0o4000;
const S_ISGID = 0o2000;

/** Gives files what an archive says of them: owner, mode, attributes, times. */
export class Dresser {
  constructor(private readonly options: ExtractOptions) {}

  /** What cannot be opened. By O_PATH descriptor all the same: chmod(2) would follow what is under the name by now. */
  dressEntry(parent: Directory, aside: string, kind: number, header: TarHeader): void {
    const fd = parent.openEntry(aside);
    try {
      const stat = fstatSync(fd);
      if ((stat.mode & S_IFMT) !== kind)
        throw conflict(header.name, 'what somebody else put there', 'a file');
      const { uid, gid } = this.ownerOf(header);
      if (stat.uid !== uid || stat.gid !== gid) {
        this.#own(header, () => {
          chownSync(selfPath(fd), uid, gid);
        });
      }
      if (kind !== S_IFLNK) chmodSync(selfPath(fd), header.mode & 0o777);
    } finally {
      closeSync(fd);
    }
    setTimes(parent.fd, encodeName(aside), header.atimeNs ?? header.mtimeNs, header.mtimeNs);
  }

  /** Owner, mode, attributes, times, in this order: chown(2) takes set-id bits and capabilities away, all change the ctime. */
  dress(fd: number, header: TarHeader, isFile: boolean): void {
    const { uid, gid } = this.ownerOf(header);
    const stat = fstatSync(fd);
    const owned =
      (stat.uid === uid && stat.gid === gid) ||
      this.#own(header, () => {
        fchownSync(fd, uid, gid);
      });
    let mode = header.mode;
    if (isFile) {
      // Set-id bits are permission to act as the owner that the archive named, and nobody else.
      const keeps = (kind: IdKind): boolean =>
        owned &&
        this.options.setId !== false &&
        (this.options.owner === undefined || this.options.owner[kind] === header[kind]);
      if (!keeps('uid')) mode &= ~S_ISUID;
      if (!keeps('gid')) mode &= ~S_ISGID;
    }
    fchmodSync(fd, mode);
    for (const [attribute, value] of header.xattrs) this.#setXattr(fd, header, attribute, value);
    setTimes(fd, null, header.atimeNs ?? header.mtimeNs, header.mtimeNs);
  }

  #setXattr(fd: number, header: TarHeader, attribute: string, value: Uint8Array): void {
    if (!isPortable(attribute, this.options) || this.options.wantXattr?.(attribute) === false) return;
    const mapped = attribute === CAPABILITY ? capabilityForDisk(value, this.options) : value;
    if (!mapped) return;
    try {
      setXattr(fd, encodeName(attribute), mapped);
    } catch (error) {
      // The file system has none, or they are not for this caller: the file is of use without.
      if (!isNoSupport(error) && errnoOf(error) !== 'EPERM') throw error;
      this.#report(header, `its attribute ${attribute} cannot be kept: ${errnoOf(error)}`);
    }
  }

  /** @throws {WarrenError} `ERR_COPY_ID`. */
  ownerOf(header: TarHeader): { uid: number; gid: number } {
    const wanted = this.options.owner ?? header;
    const uid = idForDisk(this.options, 'uid', wanted.uid);
    const gid = idForDisk(this.options, 'gid', wanted.gid);
    if (uid !== undefined && gid !== undefined) return { uid, gid };
    throw invalid(
      'ERR_COPY_ID',
      `Cannot give ${quote(header.name)} to ${wanted.uid}:${wanted.gid}`,
      'the user namespace there does not have this id',
      'copy without -a, so that the files belong to root of the container',
    );
  }

  /** @returns Whether it could be done. */
  #own(header: TarHeader, chown: () => void): boolean {
    try {
      chown();
      return true;
    } catch (error) {
      if (errnoOf(error) !== 'EPERM') throw error;
      this.#report(header, `it belongs to you, since only root can give it to ${header.uid}:${header.gid}`);
      return false;
    }
  }

  #report({ name }: TarHeader, why: string): void {
    this.options.onProblem?.({ kind: 'failed', path: name, why });
  }
}
