import { checkFields, fail, list, objectOf, text, type Path } from './json.js';

/** When a rule of docker's form applies; an empty or missing list asks for nothing. */
export interface SeccompFilter {
  readonly caps: readonly string[];
  /** Go's names: `amd64`, `arm64`, `x86`, … */
  readonly arches: readonly string[];
  readonly minKernel: readonly [major: number, minor: number] | undefined;
}

/** @param json The `includes` or `excludes` of a rule. */
export function parseFilter(json: unknown, at: Path, warnings: string[]): SeccompFilter | undefined {
  if (json === undefined || json === null) return undefined;
  const filter = objectOf(json, at);
  checkFields(filter, ['caps', 'arches', 'minKernel'], at, warnings);
  const arches = list(filter['arches'], `${at}.arches`).map((name, i) =>
    text(name, `${at}.arches[${String(i)}]`),
  );
  for (const [i, name] of arches.entries()) {
    if (!goArchs.includes(name)) {
      fail(`${at}.arches[${String(i)}]`, name, 'no such architecture', `use one of ${goArchs.join(', ')}`);
    }
  }
  return {
    caps: list(filter['caps'], `${at}.caps`).map((name, i) =>
      parseCapability(name, `${at}.caps[${String(i)}]`),
    ),
    arches,
    minKernel: parseKernel(filter['minKernel'], `${at}.minKernel`),
  };
}

/** GOARCH and the sub-architectures that docker's own profiles mention. */
const goArchs = (
  '386 amd64 x86 x32 arm arm64 loong64 mips mips64 mips64le mips64n32 mipsel mipsel64 mipsel64n32 mipsle ' +
  'ppc64 ppc64le riscv64 s390 s390x'
).split(' ');

function parseCapability(value: unknown, at: Path): string {
  const name = text(value, at);
  return /^CAP_[A-Z0-9_]+$/.test(name) ? name : fail(at, name, 'capabilities are written CAP_SYS_ADMIN');
}

function parseKernel(value: unknown, at: Path): [number, number] | undefined {
  if (value === undefined || value === null || value === '') return undefined;
  const version = text(value, at);
  const match = /^(\d{1,5})\.(\d{1,5})$/.exec(version);
  if (match === null) return fail(at, version, 'a kernel version has two parts', 'write it like 4.8');
  return [Number(match[1]), Number(match[2])];
}
