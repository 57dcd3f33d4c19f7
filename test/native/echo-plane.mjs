// A data plane on the addon alone that sends every punted datagram back. Without TypeScript, a
// process or a worker thread starts quickly. As the program of a worker thread it posts its port,
// and closes at the first message.
import { createRequire } from 'node:module';
import { isMainThread, parentPort } from 'node:worker_threads';
import { COUNTERS } from '../../dist/native/counters.js';
import { DATA_PLANE_LIMITS, PUNTED_DATAGRAM } from '../../dist/native/interface.js';

const { addon } = createRequire(import.meta.url)('../../native/locate.cjs').loadAddon();
const WORKERS = 2;
const HEAD_BYTES = PUNTED_DATAGRAM.bytes;
const ROW_CELLS = Math.ceil(Object.keys(COUNTERS).length / 8) * 8;

/** Copies a record's 5-tuple into the scratch of `send` (layouts: src/native/interface.ts). */
function copyTuple(record, scratch) {
  scratch.set(record.subarray(16, 32), 0);
  scratch.set(record.subarray(2, 4), 16);
  scratch.set(record.subarray(32, 48), 18);
  scratch.set(record.subarray(8, 14), 34);
}

/** Returns an open native plane that echoes. */
export function openEcho() {
  const shared = (cells) => new BigUint64Array(new SharedArrayBuffer(cells * 8));
  const scratch = new Uint8Array(DATA_PLANE_LIMITS.scratchBytes);
  const drained = Buffer.alloc(1 << 20);
  const loopback = Buffer.alloc(18);
  loopback.set([0xff, 0xff, 127, 0, 0, 1], 10);
  const echo = () => {
    const bytes = plane.drain(drained, 10_000, 10_000, 10_000);
    for (let offset = 0; offset < bytes; ) {
      const length = new DataView(drained.buffer).getUint16(offset + 4, true);
      copyTuple(drained.subarray(offset), scratch);
      plane.send(0, drained.subarray(offset + HEAD_BYTES, offset + HEAD_BYTES + length));
      offset += HEAD_BYTES + ((length + 7) & ~7);
    }
  };
  const plane = new addon.DataPlane({
    clientAddresses: loopback,
    trunkAddresses: new Uint8Array(0),
    relayedIps: new Uint8Array(0),
    steering: false,
    workers: WORKERS,
    clientFlowsMax: 16,
    sessionsMax: 16,
    remoteRelaysMax: 1,
    trunkMtuBytes: 1452,
    coalescingUs: 50,
    busyPollUs: 0,
    closedIndicationsPerSecond: 0,
    cpus: [],
    xdpInterfaces: [],
    xdpGeneric: false,
    xdpStrict: false,
    puntQueueBytes: DATA_PLANE_LIMITS.puntQueueBytesMin,
    socketBufferBytes: 65_536,
    counters: shared((WORKERS + 2) * ROW_CELLS + 7),
    traffic: shared((WORKERS + 1) * 3),
    legFlows: shared(WORKERS * 2 * 16),
    legSessions: shared(WORKERS * 2 * 16),
    scratch,
    notify: echo,
  });
  return plane;
}

if (!isMainThread) {
  const plane = openEcho();
  parentPort.postMessage(plane.ports(0)[0]);
  parentPort.once('message', () => plane.close());
}
