/** Reports of the addon about endpoints, also those that a real system rarely causes. */

import { constants, endianness } from 'node:os';
import { setTimeout as sleep } from 'node:timers/promises';
import t from 'tap';
import type { NativeBinding, NativeOptions } from '../../src/native/binding.js';
import { NativeDataPlane } from '../../src/native/data-plane.js';
import type { DataPlaneEvent } from '../../src/native/events.js';
import { ENDPOINT_REPORT, PuntKind, Status } from '../../src/native/interface.js';
import { listenerHandle, type TransportHandle } from '../../src/native/transport-handle.js';
import { CHANNEL_MIN } from '../../src/stun/channel-data.js';

const HANDLE = (2 ** 45 + 2 ** 16 + 32) as TransportHandle;
const SPEC = { kind: 'client', address: { address: '127.0.0.1', port: 0 }, worker: 0 } as const;

interface Report {
  readonly kind: number;
  readonly status?: number;
  readonly errorNumber?: number;
  readonly port?: number;
}

function encodeReport({ kind, status = Status.Ok, errorNumber = 0, port = 0 }: Report): Uint8Array {
  const bytes = new Uint8Array(ENDPOINT_REPORT.bytes);
  const view = new DataView(bytes.buffer);
  const little = endianness() === 'LE';
  const { at } = ENDPOINT_REPORT;
  view.setUint8(at.kind, kind);
  view.setUint8(at.status, status);
  view.setUint32(at.errorNumber, errorNumber, little);
  view.setBigUint64(at.handle, BigInt(HANDLE), little);
  view.setUint16(at.port, port, little);
  return bytes;
}

/** A plane on a fake addon, whose reports a test sets. */
class Scripted {
  readonly events: DataPlaneEvent[] = [];
  batches = 0;
  closes = 0;
  /** Calls that delay and allow waking the workers, and those that a test adds. */
  readonly calls: string[] = [];
  /** What the addon's calls return. */
  opens: number = HANDLE;
  closeStatus: number = Status.Ok;
  readonly plane: NativeDataPlane;
  #notify = () => {};
  #reports: Uint8Array[] = [];

  constructor() {
    const native = {
      counterOffset: () => 0,
      xdpMode: () => 'off',
      xdpReason: () => '',
      ports: () => [1],
      lanePorts: () => [],
      hold: () => this.calls.push('hold'),
      release: () => this.calls.push('release'),
      close: async () => {},
      openEndpoint: () => this.opens,
      putClientFlowToClient: () => Status.Limit,
      closeEndpoint: () => {
        this.closes += 1;
        return this.closeStatus;
      },
      drain: (buffer: Uint8Array) => {
        const all = Buffer.concat(this.#reports.splice(0));
        buffer.set(all);
        return all.length;
      },
    };
    const DataPlane = function open(options: NativeOptions) {
      scripted.#notify = options.notify;
      return native;
    };
    const scripted = this;
    this.plane = new NativeDataPlane({ DataPlane, contract: 0 } as unknown as NativeBinding, {
      clientAddresses: '127.0.0.1:0',
      workers: 1,
      onBatch: ({ events }) => {
        this.batches += 1;
        this.events.push(...events);
      },
    });
  }

  async report(...reports: readonly Report[]): Promise<void> {
    this.#reports.push(...reports.map(encodeReport));
    this.#notify();
    for (let turn = 0; turn < 3; turn++) await new Promise(setImmediate);
  }

  async open(): Promise<void> {
    const opened = this.plane.openEndpoint(SPEC);
    await this.report({ kind: PuntKind.EndpointOpened, port: 7 });
    await opened;
  }
}

t.test('workers are woken once what waited for an open endpoint has gone on', async (t) => {
  const scripted = new Scripted();
  const opened = scripted.plane.openEndpoint(SPEC).then(async () => {
    for (let hop = 0; hop < 20; hop++) await undefined;
    scripted.calls.push('went on');
  });
  await scripted.report({ kind: PuntKind.EndpointOpened, port: 7 });
  await opened;
  t.strictSame(scripted.calls, ['hold', 'went on', 'release']);
});

t.test('an endpoint that ends is reported once, and its entries are removed', async (t) => {
  const scripted = new Scripted();
  await scripted.open();
  t.equal(scripted.batches, 0, 'an answer is not an event');
  const errorNumber = constants.errno.ECONNABORTED;
  await scripted.report({ kind: PuntKind.EndpointEnded, errorNumber });
  t.same(scripted.events, [{ type: 'endpoint-closed', handle: HANDLE, errno: 'ECONNABORTED' }]);
  t.equal(scripted.plane.endpoints.size, 0);
  t.equal(scripted.closes, 1);
  t.equal(await scripted.plane.closeEndpoint(HANDLE), undefined);
  await scripted.report({ kind: PuntKind.EndpointClosed });
  t.equal(scripted.events.length, 1);
});

t.test('an endpoint that ends while it is being closed is not reported', async (t) => {
  const scripted = new Scripted();
  await scripted.open();
  const closed = scripted.plane.closeEndpoint(HANDLE);
  await scripted.report({ kind: PuntKind.EndpointEnded, errorNumber: 1 });
  await scripted.report({ kind: PuntKind.IcmpError }, { kind: PuntKind.EndpointClosed });
  t.equal(await closed, undefined);
  t.same(scripted.events, []);
  t.equal(scripted.closes, 1);
});

t.test('a full table is a full queue while an endpoint is being closed', async (t) => {
  const scripted = new Scripted();
  const { plane } = scripted;
  const tuple = { handle: listenerHandle('client', 0), remote: { address: '127.0.0.1', port: 9 } };
  const end = { tuple, channel: CHANNEL_MIN };
  const put = () => plane.putClientFlow({ worker: 0, ...end }, { type: 'client', ...end });
  const refusedBoth = async (code: string) => {
    await t.rejects(plane.openEndpoint(SPEC), { code });
    t.throws(put, { code });
  };
  await scripted.open();
  scripted.opens = -Status.Limit;
  await refusedBoth('ERR_TURNPIKE_LIMIT');
  scripted.closeStatus = Status.QueueFull;
  const closed = plane.closeEndpoint(HANDLE);
  await refusedBoth('ERR_TURNPIKE_QUEUE_FULL');
  scripted.closeStatus = Status.Ok;
  while (scripted.closes < 2) await sleep(1);
  await t.rejects(plane.openEndpoint(SPEC), { code: 'ERR_TURNPIKE_QUEUE_FULL' });
  t.throws(put, { code: 'ERR_TURNPIKE_LIMIT' }, 'its flows are removed already');
  await scripted.report({ kind: PuntKind.EndpointClosed });
  await closed;
  await refusedBoth('ERR_TURNPIKE_LIMIT');
});

t.test('a failed open rejects with the code of its status', async (t) => {
  const scripted = new Scripted();
  for (const [status, errno, code] of [
    [Status.Bind, 'EADDRINUSE', 'ERR_TURNPIKE_BIND'],
    [Status.System, 'ENOSPC', 'ERR_TURNPIKE_NATIVE'],
  ] as const) {
    const opened = scripted.plane.openEndpoint(SPEC);
    const refused = t.rejects(opened, { code, errno, address: '127.0.0.1:0' });
    const errorNumber = constants.errno[errno];
    await scripted.report({ kind: PuntKind.EndpointOpened, status, errorNumber });
    await refused;
  }
  t.equal(scripted.plane.endpoints.size, 0);
});
