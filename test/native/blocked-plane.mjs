// A worker thread with a data plane whose JavaScript then blocks until it is told to go on: no
// timer runs and no command is given. It says its address, and in the end what was counted.
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
