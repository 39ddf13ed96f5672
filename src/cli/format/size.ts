const decimalUnits = ['B', 'kB', 'MB', 'GB', 'TB', 'PB', 'EB'] as const;
const binaryUnits = ['B', 'KiB', 'MiB', 'GiB', 'TiB', 'PiB', 'EiB'] as const;

/** Traffic as docker prints it: units of 1000, three digits: `1.05kB`, `648B`. */
export function decimalSize(bytes: number): string {
  return scaled(bytes, 1000, decimalUnits, 3);
}

/** Memory as docker prints it: units of 1024, four digits: `1.535MiB`. */
export function binarySize(bytes: number): string {
  return scaled(bytes, 1024, binaryUnits, 4);
}

function scaled(bytes: number, base: number, units: readonly string[], digits: number): string {
  let value = bytes;
  let unit = 0;
  // Where rounding would reach the next unit (999.9 kB), it is the next unit.
  while (unit < units.length - 1 && Number(value.toPrecision(digits)) >= base) {
    value /= base;
    unit++;
  }
  return `${Number(value.toPrecision(digits))}${units[unit] ?? ''}`;
}

/** `12.34%`; `--` for what is not known. */
export function percentText(percent: number | undefined): string {
  return percent === undefined ? '--' : `${percent.toFixed(2)}%`;
}
