/** The two operands of `warren cp`. */
import { invalid } from '../../errors.js';

/** What is copied to where. `-` for a path of this machine is a tar stream on standard input or output. */
export type CopyRequest =
  | { readonly way: 'in'; readonly container: string; readonly source: string; readonly target: string }
  | { readonly way: 'out'; readonly container: string; readonly source: string; readonly target: string };

const fix = 'write: warren cp CONTAINER:SOURCE TARGET, or: warren cp SOURCE CONTAINER:TARGET';

/** @throws {WarrenError} `ERR_USAGE`. */
export function parseCopyOperands(operands: readonly string[]): CopyRequest {
  const [from, to, ...more] = operands;
  if (from === undefined || to === undefined || more.length > 0)
    throw invalid(
      'ERR_USAGE',
      'Cannot copy',
      `cp takes a source and a target, not ${operands.length} operands`,
      fix,
    );
  if (from === '' || to === '') throw invalid('ERR_USAGE', 'Cannot copy', 'a path is empty', fix);
  const [source, target] = [splitOperand(from), splitOperand(to)];
  if (source.container !== undefined && target.container !== undefined)
    throw invalid(
      'ERR_USAGE',
      'Cannot copy',
      'copying between containers is not supported',
      'go through a stream: warren cp A:PATH - | warren cp - B:DIRECTORY',
    );
  if (source.container !== undefined)
    return { way: 'out', container: source.container, source: source.path, target: target.path };
  if (target.container !== undefined)
    return { way: 'in', container: target.container, source: source.path, target: target.path };
  throw invalid('ERR_USAGE', 'Cannot copy', 'must specify at least one container source', fix);
}

/** docker's rule of the colon: a path that is absolute or begins with a dot is one of this machine. */
function splitOperand(text: string): { container: string | undefined; path: string } {
  const colon = text.indexOf(':');
  if (colon < 1 || text.startsWith('/') || text.startsWith('.')) return { container: undefined, path: text };
  return { container: text.slice(0, colon), path: text.slice(colon + 1) };
}

/** docker's: three digits that matter, and powers of a thousand. */
export function formatCopySize(bytes: number): string {
  const units = ['B', 'kB', 'MB', 'GB', 'TB', 'PB'];
  let size = bytes;
  let unit = 0;
  while (size >= 1000 && unit < units.length - 1) {
    size /= 1000;
    unit++;
  }
  return `${Number(size.toPrecision(3))}${units[unit] ?? ''}`;
}
