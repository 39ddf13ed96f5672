/** The flags that take root's special treatment away; see capabilities(7), "The securebits flags". Values are bits. */
export const securebitNumbers = {
  NOROOT: 1 << 0,
  NOROOT_LOCKED: 1 << 1,
  NO_SETUID_FIXUP: 1 << 2,
  NO_SETUID_FIXUP_LOCKED: 1 << 3,
  KEEP_CAPS: 1 << 4,
  KEEP_CAPS_LOCKED: 1 << 5,
  NO_CAP_AMBIENT_RAISE: 1 << 6,
  NO_CAP_AMBIENT_RAISE_LOCKED: 1 << 7,
} as const;

/** `SECBIT_NOROOT`, …; a bit without a name is its value in hexadecimal. */
export function decodeSecurebits(value: number): string[] {
  const names: string[] = [];
  let rest = value;
  for (const [name, bit] of Object.entries(securebitNumbers)) {
    if (value & bit) names.push(`SECBIT_${name}`);
    rest &= ~bit;
  }
  return rest === 0 ? names : [...names, `0x${(rest >>> 0).toString(16)}`];
}
