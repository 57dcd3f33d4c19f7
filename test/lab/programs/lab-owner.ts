/** Makes a lab with a process in it, prints both, and waits to be killed, or throws. */
import { Lab } from '../../../src/lab/index.js';

const lab = new Lab();
const host = lab.host('host');
await lab.up();
const sleeper = lab.spawn(host, ['sleep', '1000'], { stdio: 'ignore' });
process.stdout.write(`${JSON.stringify({ namespace: host.namespace, pid: sleeper.pid })}\n`);
if (process.argv[2] === 'throw') throw new Error('thrown on purpose');
setInterval(() => {}, 1_000);
