/** Attaches containers to a network, one after another, until it is killed: attach-forever NETWORK PID */
import { randomBytes } from 'node:crypto';
import { attachAll, detachAll, parsePortSpec, prepareNetworks } from '../../src/network/index.js';

const [, , network = '', pid = ''] = process.argv;
const plan = await prepareNetworks([{ network }], { publish: parsePortSpec('7000-9000:80') });
process.stdout.write('ready\n');
for (;;) {
  const id = randomBytes(32).toString('hex');
  await attachAll(plan, { pid: Number(pid) }, id);
  await detachAll(id, { deleteDevice: true });
}
