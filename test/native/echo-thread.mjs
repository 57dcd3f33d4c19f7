// A worker thread with a data plane that sends back whatever is handed up.
import { parentPort } from 'node:worker_threads';
import { register } from 'tsx/esm/api';

register();
const { openDataPlane } = await import('../../src/native/index.ts');
const plane = openDataPlane({
  clientAddresses: [{ address: '127.0.0.1', port: 0 }],
  trunkAddresses: [],
  workers: 2,
  onBatch: ({ datagrams }) => plane.send(datagrams),
});
parentPort.postMessage(plane.clientAddresses[0]);
parentPort.once('message', () => plane.close());
