// A worker thread that opens a data plane, posts its address, and blocks until `gate` changes: no
// timer runs and no command is given meanwhile. Then it posts its counters.
import { setTimeout as delay } from 'node:timers/promises';
import { parentPort, workerData } from 'node:worker_threads';
import { listenerHandle, openDataPlane } from '../../dist/native/index.js';

const { peer, sink, lifetimeSeconds, channels, gate } = workerData;
const handle = listenerHandle('client', 0);
const workers = 2;
const plane = openDataPlane({
  clientAddresses: ['127.0.0.1:0'],
  workers,
  closedIndicationsPerSecond: 1_000,
  onBatch: () => {},
});
const flows = [
  [channels.ending, lifetimeSeconds],
  [channels.lasting, undefined],
];
for (const [channel, seconds] of flows) {
  const flow = { worker: 'any', tuple: { handle, remote: peer }, channel };
  plane.putClientFlow(flow, { type: 'client', tuple: { handle, remote: sink }, channel }, seconds);
}
// Each worker carries out one command for each flow.
const commands = BigInt(flows.length * workers);
while (plane.counters().commands_applied < commands) await delay(1);
parentPort.postMessage(plane.clientAddresses[0]);
Atomics.wait(gate, 0, 0);
const { client_to_client, channel_expired, channel_unknown } = plane.counters();
parentPort.postMessage({ client_to_client, channel_expired, channel_unknown });
await plane.close();
