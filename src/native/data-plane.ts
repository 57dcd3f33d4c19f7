import type { TransportAddress } from '../address.js';
import { TurnpikeError } from '../errors.js';
import { LIMITS } from '../limits.js';
import { type NativeBinding, type NativePlane, SIDE_NUMBERS, Status } from './binding.js';
import { decodeBatch, encodeAddresses, Scratch } from './codec.js';
import { CommandBacklog } from './command-backlog.js';
import type { Counters } from './counters.js';
import { checkStatus, openFailure } from './failures.js';
import { LegCounters } from './leg-counters.js';
import { checkedOptions } from './options.js';
import { SharedCounters } from './shared-counters.js';
import type {
  ClientAction,
  ClientFlow,
  DataPlane,
  DataPlaneBatch,
  DataPlaneOptions,
  FiveTuple,
  LegTraffic,
  OutgoingDatagram,
  ProbeWay,
  SessionAction,
  TrunkKey,
  TrunkPeer,
  TrunkPeerTraffic,
  XdpStatus,
} from './types.js';
import { xdpFinding } from './xdp-finding.js';

/** Head of a record in the drained bytes; `PuntedDatagram` in native/io/punt_ring.h. */
const PUNT_HEAD_BYTES = 40;
const KEY_BYTES = 16;
/** PROTOCOL.md section 4: a path probe without padding. */
const PATH_PROBE_BYTES = 36;

function checkU32(name: string, value: number): void {
  if (Number.isInteger(value) && value >= 0 && value <= 0xffff_ffff) return;
  throw new TurnpikeError('ERR_TURNPIKE_NATIVE', `${name} must be an unsigned integer: ${value}`);
}

function checkChannel(channel: number): void {
  checkU32('channel', channel);
  // The addon takes its low 16 bits.
  if (channel > 0xffff) throw new TurnpikeError('ERR_TURNPIKE_NATIVE', `no channel: ${channel}`);
}

/** The clock that the workers read: CLOCK_MONOTONIC. */
function monotonicSeconds(): number {
  return process.hrtime()[0];
}

/** From a header and a body without padding to the largest UDP payload. */
function isPathProbe(bytes: number): boolean {
  return Number.isInteger(bytes) && bytes >= PATH_PROBE_BYTES && bytes <= LIMITS.trunkMtuBytesMax;
}

/** The data plane over the addon; made by `openDataPlane`. */
export class NativeDataPlane implements DataPlane {
  readonly clientAddresses: readonly TransportAddress[];
  readonly trunkAddresses: readonly TransportAddress[];
  readonly trunkLanePorts: readonly (readonly number[])[];
  readonly workers: number;
  readonly #xdp: Omit<XdpStatus, 'attached' | 'leftOut' | 'passedBy'>;
  readonly #native: NativePlane;
  readonly #limits: NativeBinding['limits'];
  readonly #scratch: Scratch;
  readonly #counters: SharedCounters;
  readonly #legs: LegCounters;
  readonly #onBatch: (batch: DataPlaneBatch) => void;
  readonly #drained: Uint8Array;
  readonly #trunkPeersMax: number;
  readonly #slots = new Set<number>();
  readonly #backlog = new CommandBacklog();
  #nextTurn: NodeJS.Immediate | undefined;
  #closed: Promise<void> | undefined;

  /**
   * Opens sockets and threads.
   * @throws TurnpikeError ERR_TURNPIKE_CONFIG, ERR_TURNPIKE_ADDRESS, ERR_TURNPIKE_BIND (with
   *   `errno` and `address`) or ERR_TURNPIKE_NATIVE; nothing stays open then
   */
  constructor(binding: NativeBinding, options: DataPlaneOptions) {
    const checked = checkedOptions(options);
    this.#limits = binding.limits;
    this.#trunkPeersMax = checked.trunkPeersMax;
    this.#onBatch = checked.onBatch;
    this.#scratch = new Scratch(binding.limits.scratchBytes);
    this.#counters = new SharedCounters(binding, checked);
    this.#legs = new LegCounters({ ...checked, fastPath: checked.xdpInterfaces.length > 0 });
    this.#drained = new Uint8Array(
      (LIMITS.puntedPerTurnMax + LIMITS.strangersPerTurnMax) *
        (PUNT_HEAD_BYTES + binding.limits.puntBytesMax),
    );
    const nativeOptions = {
      ...checked,
      clientAddresses: encodeAddresses(checked.clientAddresses),
      trunkAddresses: encodeAddresses(checked.trunkAddresses),
      counters: this.#counters.counters,
      traffic: this.#counters.traffic,
      legFlows: this.#legs.flows,
      legSessions: this.#legs.sessions,
      scratch: this.#scratch.bytes,
      notify: () => this.#onNotify(),
    };
    try {
      this.#native = new binding.DataPlane(nativeOptions);
    } catch (error) {
      throw openFailure(error);
    }
    this.#counters.offset = this.#native.counterOffset();
    this.workers = checked.workers;
    const reason = this.#native.xdpReason();
    this.#xdp = {
      mode: this.#native.xdpMode(),
      interfaces: checked.xdpInterfaces,
      ...(reason !== '' && { reason }),
    };
    const bound = (addresses: readonly TransportAddress[], side: number) => {
      const ports = this.#native.ports(side);
      return addresses.map(({ address }, index) => ({ address, port: ports[index] ?? 0 }));
    };
    this.clientAddresses = bound(checked.clientAddresses, SIDE_NUMBERS.client);
    this.trunkAddresses = bound(checked.trunkAddresses, SIDE_NUMBERS.trunk);
    this.trunkLanePorts = this.trunkAddresses.map((_, index) => this.#native.lanePorts(index));
  }

  get xdp(): XdpStatus {
    const findings = this.#native.xdpFindings();
    const those = (leavesOut: boolean) =>
      findings
        .filter((finding) => finding.leavesOut === leavesOut)
        .map((finding) => xdpFinding(finding, this.clientAddresses, this.trunkAddresses));
    return {
      ...this.#xdp,
      attached: this.#native.xdpAttached(),
      leftOut: those(true),
      passedBy: those(false),
    };
  }

  putClientFlow({ worker, tuple, channel }: ClientFlow, action: ClientAction): void {
    checkU32('worker', worker);
    checkChannel(channel);
    this.#checkRoom('putClientFlow');
    this.#scratch.tuple(tuple);
    if (action.type === 'trunk') {
      const { slot, sessionIndex } = action;
      checkU32('slot', slot);
      checkU32('sessionIndex', sessionIndex);
      checkStatus(
        'putClientFlow',
        this.#native.putClientFlowToTrunk(worker, channel, slot, sessionIndex),
      );
    } else {
      checkChannel(action.channel);
      this.#scratch.secondTuple(action.tuple);
      checkStatus(
        'putClientFlow',
        this.#native.putClientFlowToClient(worker, channel, action.channel),
      );
    }
  }

  removeClientFlow({ worker, tuple, channel }: ClientFlow): void {
    checkU32('worker', worker);
    checkChannel(channel);
    this.#backlog.give('removeClientFlow', () => {
      this.#scratch.tuple(tuple);
      return this.#native.removeClientFlow(worker, channel);
    });
  }

  putSession(sessionIndex: number, { slot, tuple, channel }: SessionAction): void {
    checkU32('sessionIndex', sessionIndex);
    checkU32('slot', slot);
    checkChannel(channel);
    this.#checkRoom('putSession');
    this.#scratch.tuple(tuple);
    checkStatus('putSession', this.#native.putSession(sessionIndex, slot, channel));
  }

  removeSession(sessionIndex: number): void {
    checkU32('sessionIndex', sessionIndex);
    this.#backlog.give('removeSession', () => this.#native.removeSession(sessionIndex));
  }

  putTrunkPeer(slot: number, peer: TrunkPeer): void {
    checkU32('slot', slot);
    this.#checkTrunkPeer(peer);
    this.#backlog.give('putTrunkPeer', () => {
      this.#scratch.trunkPeer(peer);
      return this.#native.putTrunkPeer(slot);
    });
    if (this.#slots.has(slot)) return;
    this.#slots.add(slot);
    this.#counters.startTraffic(slot);
  }

  removeTrunkPeer(slot: number): void {
    checkU32('slot', slot);
    this.#backlog.give('removeTrunkPeer', () => this.#native.removeTrunkPeer(slot));
    this.#slots.delete(slot);
  }

  setRelayHosts(hosts: readonly TransportAddress[]): void {
    checkStatus('setRelayHosts', this.#native.setRelayHosts(encodeAddresses(hosts)));
  }

  probe(slot: number, number: number, way?: ProbeWay): void {
    checkU32('slot', slot);
    checkU32('number', number);
    const status = this.#backlog.empty ? this.#probe(slot, number, way) : Status.QueueFull;
    // A probe that cannot be sent now is one that got lost.
    if (status !== Status.QueueFull) checkStatus('probe', status);
  }

  putKnownClient(worker: number, tuple: FiveTuple): void {
    checkU32('worker', worker);
    this.#backlog.give('putKnownClient', () => {
      this.#scratch.tuple(tuple);
      return this.#native.putKnownClient(worker);
    });
  }

  removeKnownClient(worker: number, tuple: FiveTuple): void {
    checkU32('worker', worker);
    this.#backlog.give('removeKnownClient', () => {
      this.#scratch.tuple(tuple);
      return this.#native.removeKnownClient(worker);
    });
  }

  workersSilentMs(): readonly number[] {
    return this.#native.workersSilentMs();
  }

  #probe(slot: number, number: number, way: ProbeWay | undefined): number {
    if (way === undefined) return this.#native.probe(slot, number);
    const { tuple, bytes, worker } = way;
    if (bytes !== undefined && !isPathProbe(bytes)) {
      throw new TurnpikeError('ERR_TURNPIKE_NATIVE', `probe: no path probe has ${bytes} bytes`);
    }
    if (worker !== undefined) checkU32('worker', worker);
    this.#scratch.tuple(tuple);
    return this.#native.probe(slot, number, bytes ?? 0, worker);
  }

  send(datagrams: readonly OutgoingDatagram[]): void {
    for (const { side, tuple, data } of datagrams) {
      this.#scratch.tuple(tuple);
      checkStatus('send', this.#native.send(SIDE_NUMBERS[side], data));
    }
  }

  counters(): Counters {
    return this.#counters.totals();
  }

  trunkPeerTraffic(slot: number): TrunkPeerTraffic {
    checkU32('slot', slot);
    if (slot >= this.#trunkPeersMax) checkStatus('trunkPeerTraffic', Status.Limit);
    return this.#counters.trafficOf(slot);
  }

  flowTraffic(flow: ClientFlow): LegTraffic | undefined {
    const meter = this.flowMeter(flow);
    return meter === undefined ? undefined : this.#legs.flowTraffic(meter, monotonicSeconds());
  }

  sessionTraffic(sessionIndex: number): LegTraffic {
    checkU32('sessionIndex', sessionIndex);
    return this.#legs.sessionTraffic(sessionIndex, monotonicSeconds());
  }

  flowMeter({ worker, tuple, channel }: ClientFlow): number | undefined {
    checkU32('worker', worker);
    checkChannel(channel);
    this.#scratch.tuple(tuple);
    const number = this.#native.flowNumber(worker, channel);
    return number < 0 ? undefined : this.#legs.meterOf(worker, number);
  }

  flowPackets(meter: number): number {
    return this.#legs.flowPackets(meter);
  }

  sessionPackets(sessionIndex: number): number {
    return this.#legs.sessionPackets(sessionIndex);
  }

  close(): Promise<void> {
    if (this.#closed === undefined) {
      clearImmediate(this.#nextTurn);
      this.#backlog.clear();
      this.#closed = this.#native.close();
    }
    return this.#closed;
  }

  /** Nothing is added while removals wait: it could be removed by one of them. */
  #checkRoom(call: string): void {
    if (!this.#backlog.empty) checkStatus(call, Status.QueueFull);
  }

  #checkTrunkPeer(peer: TrunkPeer): void {
    const { sources, sendKeys, receiveKeys, recordsMax } = peer;
    const fail = (message: string): never => {
      throw new TurnpikeError('ERR_TURNPIKE_NATIVE', `putTrunkPeer: ${message}`);
    };
    const { trunkSourcesMax, sendKeysMax, receiveKeysMax } = this.#limits;
    if (sources.length > trunkSourcesMax) fail(`at most ${trunkSourcesMax} sources`);
    if (sendKeys.length > sendKeysMax) fail(`at most ${sendKeysMax} send keys`);
    if (receiveKeys.length > receiveKeysMax) fail(`at most ${receiveKeysMax} receive keys`);
    if (!Number.isInteger(recordsMax) || recordsMax < 1) fail(`recordsMax is ${recordsMax}`);
    const isKey = ({ epoch, key }: TrunkKey) =>
      Number.isInteger(epoch) && epoch >= 0 && epoch <= 0xffff && key.length === KEY_BYTES;
    if (![...sendKeys, ...receiveKeys].every(isKey)) fail('a key or its epoch is malformed');
    this.#checkWays(peer, fail);
  }

  #checkWays(
    { bundleBytesMax, laneSet = 0, lanesClosed = [], ways = [] }: TrunkPeer,
    fail: (message: string) => never,
  ): void {
    const { trunkMtuBytesMin, datagramBytesMax, laneSets, trunkWaysMax } = this.#limits;
    const isBetween = (value: number, min: number, max: number) =>
      Number.isInteger(value) && value >= min && value <= max;
    if (
      bundleBytesMax !== undefined &&
      !isBetween(bundleBytesMax, trunkMtuBytesMin, datagramBytesMax)
    ) {
      fail(`bundleBytesMax is ${bundleBytesMax}`);
    }
    if (!isBetween(laneSet, 0, laneSets - 1)) fail(`laneSet is ${laneSet}`);
    if (!lanesClosed.every((worker) => isBetween(worker, 0, this.workers - 1))) {
      fail('lanesClosed names no worker');
    }
    if (ways.length > trunkWaysMax) fail(`at most ${trunkWaysMax} ways`);
  }

  /**
   * Not drained at once: under load the workers would notify anew during each drain, and Node
   * calls back up to a thousand times before timers and other I/O have their turn, which then
   * wait for seconds.
   */
  #onNotify(): void {
    this.#nextTurn ??= setImmediate(() => this.#drain());
  }

  #drain(): void {
    this.#nextTurn = undefined;
    if (this.#closed !== undefined) return;
    const { puntedPerTurnMax, strangersPerTurnMax } = LIMITS;
    const bytes = this.#native.drain(this.#drained, puntedPerTurnMax, strangersPerTurnMax);
    if (bytes === 0) return;
    const { batch, known, strangers } = decodeBatch(this.#drained.subarray(0, bytes));
    if (known >= puntedPerTurnMax || strangers >= strangersPerTurnMax) {
      // There may be more; the host's timers and I/O come first.
      this.#nextTurn = setImmediate(() => this.#drain());
    }
    this.#native.hold();
    try {
      this.#onBatch(batch);
    } finally {
      this.#native.release();
    }
  }
}
