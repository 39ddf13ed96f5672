/** A container's own name among its names in networks. */
import { endpointsOfContainer } from './detach.js';
import { type Endpoint, writeEndpoint } from './endpoint.js';
import { withLock } from './lock.js';

/**
 * Puts a name in the place of another, in every network that the container is in.
 *
 * @param to Undefined: no name that a resolver would look up.
 * @returns Its places, as they are now.
 */
export async function renameInNetworks(
  container: string,
  from: string,
  to: string | undefined,
): Promise<Endpoint[]> {
  if (endpointsOfContainer(container).length === 0) return [];
  const rename = (endpoint: Endpoint): Endpoint => {
    const [first, ...more] = endpoint.aliases;
    // A name that was no host name is not among them.
    const others = first === from ? more : endpoint.aliases;
    const now = { ...endpoint, aliases: [...(to === undefined ? [] : [to]), ...others] };
    writeEndpoint(now);
    return now;
  };
  return withLock(async () => Promise.resolve(endpointsOfContainer(container).map(rename)));
}
