/** Connections per second, eight at a time, each with one byte of an answer: connections.js serve PORT | connections.js ADDRESS PORT SECONDS */
import { once } from 'node:events';
import { connect, createServer } from 'node:net';

const [first = '', second = '', third = '1'] = process.argv.slice(2);
if (first === 'serve') {
  const server = createServer((socket) => {
    socket.on('error', () => undefined);
    socket.write('x');
  });
  server.listen(Number(second), '0.0.0.0', 1024, () => {
    process.stdout.write('ready\n');
  });
} else {
  const until = performance.now() + Number(third) * 1000;
  let done = 0;
  const worker = async (): Promise<void> => {
    while (performance.now() < until) {
      const socket = connect(Number(second), first);
      await once(socket, 'data');
      // Without TIME_WAIT, which would run out of ports.
      socket.resetAndDestroy();
      done++;
    }
  };
  const began = performance.now();
  await Promise.all(Array.from({ length: 8 }, worker));
  process.stdout.write(`${Math.round((done * 1000) / (performance.now() - began))}\n`);
}
