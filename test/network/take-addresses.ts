/** Takes addresses of a network until there is none: take-addresses NETWORK LETTER */
import { holderFor, takeAddress } from '../../src/network/leases.js';
import { getNetwork } from '../../src/network/index.js';

const [, , name = '', letter = 'a'] = process.argv;
const network = getNetwork(name);
const [subnet] = network.subnets;
if (subnet === undefined) throw new Error('no subnet');
for (;;) {
  try {
    process.stdout.write(`${takeAddress(network, subnet, holderFor(letter.repeat(12)))}\n`);
  } catch (error) {
    process.stdout.write(`${(error as { code?: string }).code}\n`);
    break;
  }
}
