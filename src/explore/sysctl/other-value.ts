/** Other legal values for a parameter whose range nobody tells: tried in turn until the kernel takes one. */

/**
 * @param value The present one, without its final newline.
 * @param choices What else a parameter that takes names may hold.
 */
export function otherValues(path: string, value: string, choices: readonly string[] = []): string[] {
  if (path.endsWith('/tcp_congestion_control')) return choices.filter((name) => name !== value);
  if (path.endsWith('/path_manager')) return ['kernel', 'userspace'].filter((name) => name !== value);
  if (path.endsWith('/tcp_fastopen_key')) return ['01234567-89abcdef-01234567-89abcdef'];
  if (path.endsWith('/ip_local_reserved_ports')) return [value === '' ? '65000' : ''];
  if (path.endsWith('/rps_default_mask')) return [/^[0,]*$/.test(value) ? '1' : '0'];
  if (path.endsWith('/ratemask')) return ['0-1', '3-127'].filter((text) => text !== value);
  if (path.endsWith('name')) return [`${value}x`, 'x'];
  const fields = value.split(/\s+/);
  if (value === '' || !fields.every((field) => /^-?\d+$/.test(field))) return [];
  const numbers = fields.map((field) => BigInt(field));
  // One field at a time, the last first: ranges such as ip_local_port_range want their order kept.
  const candidates = numbers
    .map((_, index) => index)
    .reverse()
    .flatMap((index) =>
      near(numbers[index] ?? 0n).map((other) =>
        numbers.map((number, at) => (at === index ? other : number)).join(' '),
      ),
    );
  const same = numbers.join(' ');
  return [...new Set(candidates)].filter((candidate) => candidate !== same);
}

function near(number: bigint): bigint[] {
  const close = [number + 1n, number - 1n, number * 2n, number / 2n, 0n, 1n, 2n, 3n];
  // Odd steps and small numbers are refused by some: multiples of a page, powers of two, bits of a mask.
  return [...close, number + 4096n, number - 4096n].filter((other) => other >= -1n);
}
