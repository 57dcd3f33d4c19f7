/** Opens, uses and closes thousands of endpoints, and opens them again on the same ports. */

import assert from 'node:assert';
import t from 'tap';
import { formatAddress, type TransportAddress } from '../../src/address.js';
import type { Endpoint } from '../../src/native/endpoints.js';
import { type OpenDataPlane, openDataPlane } from '../../src/native/index.js';
import { listenerHandle, type TransportHandle } from '../../src/native/transport-handle.js';
import type { FiveTuple, PuntedDatagram } from '../../src/native/types.js';
import { encodeChannelData } from '../../src/stun/channel-data.js';
import { MessageWriter } from '../../src/stun/writer.js';
import { openDescriptors } from '../setup/open-descriptors.js';
import { Remote, V4 } from './planes.js';

const ENDPOINTS = 2_000;
const WORKERS = 2;
const CYCLES = 5;
const PEERS = 20;
/** Endpoints used at a time; so few that no buffer on the path is full. */
const TOGETHER = 100;
const CHANNEL = 0x4000;
const GROWTH_BYTES_MAX = 32 * 2 ** 20;

t.setTimeout(180_000);

/** An endpoint of a cycle. */
interface Use {
  readonly cycle: number;
  readonly index: number;
  readonly endpoint: Endpoint;
  isClosed: boolean;
}

/** Returns resident memory without JavaScript's heap, which grows between collections; bytes. */
function outsideHeap(): number {
  const { rss, heapTotal, arrayBuffers } = process.memoryUsage();
  return rss - heapTotal - arrayBuffers;
}

/** Returns `cycle:index` as the bytes of a transaction id or a payload. */
const nameOf = ({ cycle, index }: Pick<Use, 'cycle' | 'index'>) =>
  Buffer.from(`${cycle}:${index}`.padEnd(12));

class Stress {
  readonly #uses = new Map<TransportHandle, Use>();
  /** By name, the address that messages with this name are sent to. */
  readonly #addresses = new Map<string, TransportAddress>();
  readonly plane = openDataPlane({
    clientAddresses: [V4],
    workers: WORKERS,
    // So few that entries left behind by one cycle would leave no room in the next.
    clientFlowsMax: ENDPOINTS / WORKERS + 1,
    onBatch: ({ datagrams }) => {
      for (const datagram of datagrams) this.#answer(datagram);
    },
  });
  readonly peers: readonly Remote[];
  answers = 0;
  forwarded = 0;

  constructor(peers: readonly Remote[]) {
    this.peers = peers;
  }

  peerOf(index: number): Remote {
    return this.peers[index % PEERS] as Remote;
  }

  tupleOf({ endpoint, index }: Use): FiveTuple {
    return { handle: endpoint.handle, remote: this.peerOf(index).address };
  }

  /** Opens all endpoints on the given ports; without one, the system chooses. */
  async open(cycle: number, ports: readonly number[]): Promise<Use[]> {
    const opened = Array.from({ length: ENDPOINTS }, async (_, index) => {
      const endpoint = await this.#openAt(index, ports[index] ?? 0);
      const use = { cycle, index, endpoint, isClosed: false };
      this.#uses.set(endpoint.handle, use);
      this.#addresses.set(nameOf(use).toString(), endpoint.address);
      return use;
    });
    return Promise.all(opened);
  }

  /** Opens an endpoint; on another port if a process has taken this one since it was closed. */
  async #openAt(index: number, port: number): Promise<Endpoint> {
    const where = { kind: 'client', worker: index % WORKERS } as const;
    try {
      return await this.plane.openEndpoint({ ...where, address: { ...V4, port } });
    } catch (error) {
      if (port === 0 || (error as { errno?: string }).errno !== 'EADDRINUSE') throw error;
      return this.plane.openEndpoint({ ...where, address: V4 });
    }
  }

  /** Puts flows from each endpoint to its neighbour, which belongs to the other worker. */
  connect(uses: readonly Use[]): void {
    for (const use of uses) {
      const next = uses[(use.index + PEERS + 1) % ENDPOINTS] as Use;
      const tuple = { handle: next.endpoint.handle, remote: this.peerOf(use.index).address };
      const flow = { worker: use.endpoint.worker, tuple: this.tupleOf(use), channel: CHANNEL };
      this.plane.putClientFlow(flow, { type: 'client', tuple, channel: CHANNEL });
      this.plane.putKnownClient(use.endpoint.worker, this.tupleOf(use));
    }
  }

  /** Sends a request, which is answered, and data, which is forwarded. */
  send(use: Use): void {
    const peer = this.peerOf(use.index);
    peer.send(use.endpoint.address, new MessageWriter('request', 1, nameOf(use)).finish());
    peer.send(use.endpoint.address, encodeChannelData(CHANNEL, nameOf(use)));
  }

  /** Takes a datagram that a peer received, and checks its source. */
  async take(uses: readonly Use[], peer: Remote): Promise<void> {
    const { data, source } = await peer.receiveFrom();
    const [cycle, index = 0] = data.subarray(-12).toString().split(':').map(Number);
    assert.equal(cycle, uses[0]?.cycle);
    const isAnswer = data.length === 12;
    const from = isAnswer ? index : (index + PEERS + 1) % ENDPOINTS;
    assert.deepEqual(source, uses[from]?.endpoint.address);
    if (isAnswer) this.answers += 1;
    else this.forwarded += 1;
  }

  async close(uses: readonly Use[]): Promise<void> {
    const closed = uses.map(async (use) => {
      await this.plane.closeEndpoint(use.endpoint.handle);
      use.isClosed = true;
      this.#uses.delete(use.endpoint.handle);
    });
    await Promise.all(closed);
  }

  #answer({ tuple, data }: PuntedDatagram): void {
    const use = this.#uses.get(tuple.handle);
    assert(use !== undefined && !use.isClosed, 'punted from a closed endpoint');
    const name = Buffer.from(data.subarray(8, 20));
    // A late datagram too arrives at the port that it was sent to.
    assert.deepEqual(this.#addresses.get(name.toString()), use.endpoint.address);
    if (!this.plane.endpoints.has(tuple.handle)) return;
    this.plane.send([{ side: 'client', tuple, data: name }]);
  }
}

/** Traffic over a listener at the same time: a datagram is sent again when it returns. */
class Walker {
  walks = 0;
  readonly #socket: Remote;
  readonly #to: TransportAddress;
  #walked: Promise<void> | undefined;
  #isWalking = true;

  private constructor(socket: Remote, to: TransportAddress) {
    this.#socket = socket;
    this.#to = to;
  }

  static async start(plane: OpenDataPlane): Promise<Walker> {
    const socket = await Remote.open(V4);
    const tuple = { handle: listenerHandle('client', 0), remote: socket.address };
    const loop = { worker: 'any', tuple, channel: CHANNEL } as const;
    plane.putClientFlow(loop, { type: 'client', tuple, channel: CHANNEL });
    plane.send([{ side: 'client', tuple, data: Buffer.from('put') }]);
    await socket.receive();
    const walker = new Walker(socket, plane.clientAddresses[0] as TransportAddress);
    walker.#walked = walker.#walk();
    return walker;
  }

  async stop(): Promise<void> {
    this.#isWalking = false;
    await this.#walked;
  }

  close(): void {
    this.#socket.close();
  }

  async #walk(): Promise<void> {
    const step = encodeChannelData(CHANNEL, Buffer.from('step'));
    for (; this.#isWalking; this.walks += 1) {
      this.#socket.send(this.#to, step);
      assert.deepEqual(await this.#socket.receive(), Buffer.from(step));
    }
  }
}

t.test(`${ENDPOINTS} endpoints can be opened, used and closed ${CYCLES} times`, async (t) => {
  const peers = await Promise.all(Array.from({ length: PEERS }, () => Remote.open(V4)));
  const stress = new Stress(peers);
  const { plane } = stress;
  const walker = await Walker.start(plane);
  t.teardown(async () => {
    await plane.close();
    for (const peer of peers) peer.close();
  });
  const descriptors = openDescriptors();

  let ports: readonly number[] = [];
  let settledBytes = 0;
  const old: FiveTuple[] = [];
  for (let cycle = 0; cycle < CYCLES; cycle++) {
    const walksBefore = walker.walks;
    const uses = await stress.open(cycle, ports);
    stress.connect(uses);
    t.equal(plane.endpoints.size, ENDPOINTS);
    t.equal(new Set(uses.map(({ endpoint }) => formatAddress(endpoint.address))).size, ENDPOINTS);
    [stress.answers, stress.forwarded] = [0, 0];
    for (let first = 0; first < ENDPOINTS; first += TOGETHER) {
      const some = uses.slice(first, first + TOGETHER);
      for (const use of some) stress.send(use);
      for (const { index } of [...some, ...some]) await stress.take(uses, stress.peerOf(index));
    }
    t.same([stress.answers, stress.forwarded], [ENDPOINTS, ENDPOINTS]);
    for (const tuple of old) {
      const late = { side: 'client', tuple, data: Buffer.from('late') } as const;
      assert.throws(() => plane.send([late]), { code: 'ERR_TURNPIKE_ADDRESS' });
    }
    old.push(...uses.slice(0, 10).map((use) => stress.tupleOf(use)));

    // Some of these are in transit when the endpoints close.
    for (const use of uses.slice(0, TOGETHER)) stress.send(use);
    await stress.close(uses);
    t.equal(plane.endpoints.size, 0);
    t.ok(walker.walks > walksBefore, 'the listener forwards meanwhile');
    for (const peer of peers) while (peer.waiting > 0) await stress.take(uses, peer);
    for (const use of uses) {
      const flow = { worker: use.endpoint.worker, tuple: stress.tupleOf(use), channel: CHANNEL };
      assert.equal(plane.flowMeter(flow), undefined);
    }
    ports = uses.map(({ endpoint }) => endpoint.address.port);
    if (cycle === 1) settledBytes = outsideHeap();
  }
  const grown = outsideHeap() - settledBytes;
  t.ok(grown < GROWTH_BYTES_MAX, `memory does not grow: ${Math.round(grown / 2 ** 20)} MiB more`);
  await walker.stop();
  t.equal(openDescriptors(), descriptors);
  walker.close();
  t.equal(plane.counters().hand_over_full, 0n);
  t.equal(plane.counters().send_errors, 0n);
});
