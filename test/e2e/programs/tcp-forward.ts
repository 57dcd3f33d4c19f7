/**
 * Forwards TCP connections: `tcp-forward LISTEN-IP PORT TARGET-IP`, the same port on both. Writes a
 * line when it listens.
 */
import { connect, createServer } from 'node:net';
import { pipeline } from 'node:stream';

const [listen = '', port = '', target = ''] = process.argv.slice(2);

createServer((near) => {
  const far = connect(Number(port), target);
  // Either end may reset: then the other is destroyed, which is all that can be done.
  pipeline(near, far, near, () => {});
}).listen(Number(port), listen, () => process.stdout.write('listening\n'));
