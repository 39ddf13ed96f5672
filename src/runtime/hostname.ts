import { invalid, quote } from '../errors.js';

/** The kernel's __NEW_UTS_LEN; see sethostname(2). */
const maxBytes = 64;

const label = /^[a-z0-9](?:[a-z0-9-]{0,61}[a-z0-9])?$/i;

/**
 * Checks a host or domain name: labels of letters, digits and inner hyphens (RFC 1123, section 2.1), and what the kernel holds.
 *
 * @param what For the message.
 * @throws {WarrenError} `ERR_HOSTNAME`.
 */
export function checkHostname(name: string, what: 'hostname' | 'domainname' = 'hostname'): string {
  const why = fault(name);
  if (why === undefined) return name;
  throw invalid(
    'ERR_HOSTNAME',
    `Cannot use the ${what} ${quote(name)}`,
    why,
    'use letters, digits and hyphens, as in web-1.example.org',
  );
}

function fault(name: string): string | undefined {
  if (name === '') return 'it is empty';
  const bytes = Buffer.byteLength(name);
  if (bytes > maxBytes) return `it has ${bytes} bytes, and the kernel takes ${maxBytes}`;
  const wrong = name.split('.').find((part) => !label.test(part));
  if (wrong === undefined) return undefined;
  if (wrong === '') return 'it has an empty label: a dot at its start or end, or two in a row';
  if (wrong.length > 63) return `its label ${quote(wrong)} is longer than 63 characters`;
  return `its label ${quote(wrong)} holds more than letters, digits and inner hyphens`;
}
