/** `warren caps file get|set|rm`. */
import { quote } from '../../errors.js';
import {
  readFileCapabilities,
  removeFileCapabilities,
  setFileCapabilities,
  walkFiles,
} from '../../explore/capabilities/files.js';
import {
  type FileCapabilities,
  formatFileCapabilities,
  parseFileCapabilities,
} from '../../kernel/file-capabilities.js';
import { STDOUT, writeText } from '../output.js';
import { badValue, parseInteger } from '../values.js';

interface How {
  readonly recursive: boolean;
  readonly json: boolean;
}

type Report = (path: string, error: unknown) => void;

/** Prints as getcap(8) does, the root id always: a file without capabilities is not mentioned. */
export async function getFiles(paths: readonly string[], how: How, report: Report): Promise<number> {
  const found: { path: string; capabilities: FileCapabilities }[] = [];
  const failures = await forEachFile(paths, how.recursive, report, async (path, known) => {
    const capabilities = known === undefined ? await readFileCapabilities(path) : known.capabilities;
    if (capabilities) found.push({ path, capabilities });
  });
  if (how.json) {
    const list = found.map(({ path, capabilities }) => ({
      path,
      capabilities: formatFileCapabilities(capabilities),
      rootId: capabilities.rootId ?? null,
    }));
    writeText(STDOUT, `${JSON.stringify(list)}\n`);
  } else
    writeText(
      STDOUT,
      found.map(({ path, capabilities }) => `${show(path)} ${textOf(capabilities)}\n`).join(''),
    );
  return failures === 0 ? 0 : 1;
}

export async function setFiles(
  text: string,
  rootId: string | undefined,
  paths: readonly string[],
  how: How,
  report: Report,
): Promise<number> {
  const root = rootId === undefined ? undefined : parseInteger('rootid', rootId);
  if (root !== undefined && (root < 0 || root > 4_294_967_294)) {
    throw badValue(
      'rootid',
      rootId ?? '',
      'it is no user id',
      'give the id that is 0 inside, for example 100000',
    );
  }
  const capabilities = parseFileCapabilities(text, root);
  const changed: string[] = [];
  const failures = await forEachFile(paths, how.recursive, report, async (path, known) => {
    if (known?.executable === false) return;
    await setFileCapabilities(path, capabilities);
    changed.push(path);
  });
  done(changed, how, (path) => `${show(path)} ${textOf(capabilities)}\n`);
  return failures === 0 ? 0 : 1;
}

export async function removeFiles(paths: readonly string[], how: How, report: Report): Promise<number> {
  const changed: string[] = [];
  const failures = await forEachFile(paths, how.recursive, report, async (path, known) => {
    if (known !== undefined && known.capabilities === undefined) return;
    if (await removeFileCapabilities(path)) changed.push(path);
  });
  done(changed, how, (path) => `${show(path)}\n`);
  return failures === 0 ? 0 : 1;
}

/** Goes on after a failure; a single file's is thrown, with its remedy. Returns how many there were. */
async function forEachFile(
  paths: readonly string[],
  recursive: boolean,
  report: Report,
  act: (
    path: string,
    known: { capabilities: FileCapabilities | undefined; executable: boolean } | undefined,
  ) => Promise<void>,
): Promise<number> {
  let failures = 0;
  const fail: Report = (path, error) => {
    failures += 1;
    report(path, error);
  };
  for (const path of paths) {
    if (!recursive) {
      if (paths.length === 1) await act(path, undefined);
      else await act(path, undefined).catch((error: unknown) => fail(path, error));
      continue;
    }
    for await (const file of walkFiles(path, fail)) {
      await act(file.path, file).catch((error: unknown) => fail(file.path, error));
    }
  }
  return failures;
}

function done(changed: readonly string[], how: How, line: (path: string) => string): void {
  writeText(STDOUT, how.json ? `${JSON.stringify({ changed })}\n` : changed.map(line).join(''));
}

/** A name that could forge a line is quoted. */
function show(path: string): string {
  return /[\u0000-\u001f\u007f]/.test(path) ? quote(path) : path;
}

function textOf(capabilities: FileCapabilities): string {
  const text = formatFileCapabilities(capabilities);
  return capabilities.rootId === undefined ? text : `${text} [rootid=${capabilities.rootId}]`;
}
