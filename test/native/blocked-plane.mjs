// A worker thread that opens a data plane, posts its address, and blocks until `gate` changes: no
// timer runs and no command is given meanwhile. Then it posts its counters.
import { parentPort, workerData } from 'node:worker_threads';
import { listenerHandle, openDataPlane } from '../../dist/native/index.js';

const { peer, sink, lifetimeSeconds, channels, gate } = workerData;
const handle = listenerHandle('client', 0);
const plane = openDataPlane({
  clientAddresses: ['127.0.0.1:0'],
  workers: 2,
  closedIndicationsPerSecond: 1_000,
  onBatch: () => {},
});
for (const [channel, seconds] of [
  [channels.ending, lifetimeSeconds],
  [channels.lasting, undefined],
]) {
  const flow = { worker: 'any', tuple: { handle, remote: peer }, channel };
  plane.putClientFlow(flow, { type: 'client', tuple: { handle, remote: sink }, channel }, seconds);
}
parentPort.postMessage(plane.clientAddresses[0]);
Atomics.wait(gate, 0, 0);
const { client_to_client, channel_expired, channel_unknown } = plane.counters();
parentPort.postMessage({ client_to_client, channel_expired, channel_unknown });
await plane.close();
