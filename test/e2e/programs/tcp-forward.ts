/**
 * Forwards TCP connections: `tcp-forward LISTEN-IP PORT TARGET-IP`, with the same port at both
 * addresses. Writes a line when it listens.
 */
import { connect, createServer } from 'node:net';
import { pipeline } from 'node:stream';

const [listen = '', port = '', target = ''] = process.argv.slice(2);

createServer((near) => {
  const far = connect(Number(port), target);
  // If either end resets, `pipeline` destroys the other.
  pipeline(near, far, near, () => {});
}).listen(Number(port), listen, () => process.stdout.write('listening\n'));
