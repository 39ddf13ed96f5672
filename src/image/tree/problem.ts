/** Something about one file that does not keep the others from being copied. */
export interface TreeProblem {
  /**
   * - `changed`: the file was written to, or taken away, while it was read: its copy is not all of one moment. - `failed`:
   * it, or a part of it, is missing in the copy. - `skipped`: it was left out on purpose.
   */
  readonly kind: 'changed' | 'failed' | 'skipped';
  /** As in the archive. */
  readonly path: string;
  /** What was seen. */
  readonly why: string;
}
