import type { TransportAddress } from '../address.js';
import { trunkEpoch } from '../auth/keys.js';
import { LIMITS } from '../limits.js';
import type { DataPlane, DataPlaneEvent, FiveTuple, PuntedDatagram } from '../native/types.js';
import { isPlausibleStart, supersedes } from '../registry/starts.js';
import type { RelayRecord } from '../registry/types.js';
import { AttributeType } from '../stun/attribute-types.js';
import { integrityKind, verifyIntegrity } from '../stun/integrity.js';
import { decodeMessage, type StunMessage } from '../stun/message.js';
import { Method } from '../stun/methods.js';
import type { Clock } from '../units.js';
import { decodeControl, encodeControl, type TrunkControl } from './control.js';
import { Liveness } from './liveness.js';
import { type LocalRelay, RemoteRelay, type TrunkSocket } from './remote-relay.js';

/** Why a trunk control datagram was dropped; the names of the counters. */
export type TrunkDrop =
  | 'trunk_control_malformed'
  | 'trunk_control_unknown_relay'
  | 'trunk_control_wrong_source'
  | 'trunk_control_bad_integrity'
  | 'trunk_control_old_start';

/**
 * Why no way to a relay serves both directions. `no-answer`: it answers no probe. `not-heard`: it
 * answers, but says that it gets no answers from here. `no-common-family`: nothing to send by.
 */
export type UnreachableReason = 'no-answer' | 'not-heard' | 'no-common-family';

export interface UnreachableRelay {
  readonly id: string;
  readonly reason: UnreachableReason;
}

export interface TrunkOptions {
  readonly local: LocalRelay;
  readonly plane: DataPlane;
  /** This relay's trunk sockets, in the data plane's order. */
  readonly sockets: readonly TrunkSocket[];
  readonly clock: Clock;
  /** Whether anything of this relay still refers to the other one. */
  readonly inUse: (remote: RemoteRelay) => boolean;
  /** A relay started anew or is gone: its connections must end. Called before further messages. */
  readonly onRelayLost: (remote: RemoteRelay, why: 'restarted' | 'silent') => void;
  /** A relay that was held gone for its silence has answered a probe. */
  readonly onRelayBack: (remote: RemoteRelay) => void;
  /** An authentic control message. */
  readonly onControl: (remote: RemoteRelay, control: TrunkControl) => void;
  /** A control datagram was dropped. */
  readonly onDrop?: (source: TransportAddress, drop: TrunkDrop) => void;
  /** Valid data on an index that is not bound. */
  readonly onUnboundIndex: (remote: RemoteRelay, sessionIndex: number) => void;
  /**
   * A response to a Binding request that was sent from a trunk socket (`DataPlane.send`): it names
   * no relay and proves nothing, so whoever asked compares its transaction.
   * @returns whether it was waited for; one that was not is counted as malformed
   */
  readonly onForeignResponse?: (message: StunMessage, tuple: FiveTuple) => boolean;
}

interface Known {
  readonly remote: RemoteRelay;
  readonly liveness: Liveness;
  /** Whether the registry has it; one that is not listed goes when nothing refers to it. */
  listed: boolean;
  /** Whether it was held gone, and has not answered since. */
  silent: boolean;
  nextProbeAt: number;
  probeNumber: number;
}

/**
 * All traffic with other relays: who they are, whether a control message is authentic, the data
 * keys of the day, and whether they still answer. What a message means is the relay's matter.
 */
export class Trunk {
  readonly drops: Record<TrunkDrop, number> = {
    trunk_control_malformed: 0,
    trunk_control_unknown_relay: 0,
    trunk_control_wrong_source: 0,
    trunk_control_bad_integrity: 0,
    trunk_control_old_start: 0,
  };
  readonly #options: TrunkOptions;
  readonly #byId = new Map<string, Known>();
  readonly #bySlot: (Known | undefined)[] = [];
  #epoch: number;

  constructor(options: TrunkOptions) {
    this.#options = options;
    this.#epoch = trunkEpoch(options.clock.now());
  }

  /** The relay of an id, if known. */
  get(id: string): RemoteRelay | undefined {
    return this.#byId.get(id)?.remote;
  }

  /** The relays that this one cannot reach now, and why. */
  *unreachable(): Iterable<UnreachableRelay> {
    const now = this.#options.clock.monotonic();
    for (const { remote, liveness } of this.#byId.values()) {
      if (remote.path === undefined) yield { id: remote.id, reason: 'no-common-family' };
      else if (liveness.silent(now)) yield { id: remote.id, reason: 'no-answer' };
    }
  }

  /** Every known relay with its smoothed round trip in nanoseconds. */
  *relays(): Iterable<{ remote: RemoteRelay; rttNs: number | undefined }> {
    for (const { remote, liveness } of this.#byId.values()) {
      yield { remote, rttNs: liveness.rttNs };
    }
  }

  /**
   * Takes the relays that the registry now holds; ours among them is passed over. A relay that is
   * no longer listed is kept while legs refer to it.
   */
  update(records: readonly RelayRecord[]): void {
    for (const known of this.#byId.values()) known.listed = false;
    for (const record of records) {
      if (record.id === this.#options.local.id) continue;
      const known = this.#byId.get(record.id);
      if (known) this.#renew(known, record);
      else this.#add(record);
    }
    this.#forget();
  }

  #forget(): void {
    for (const { remote, listed } of this.#byId.values()) {
      if (!listed && !this.#options.inUse(remote)) this.#remove(remote);
    }
  }

  #add(record: RelayRecord): void {
    const { local, sockets, clock } = this.#options;
    let slot = this.#bySlot.indexOf(undefined);
    if (slot < 0) slot = this.#bySlot.length;
    if (slot >= LIMITS.relaysMax) return;
    const remote = new RemoteRelay(local, record, slot, sockets);
    const now = clock.monotonic();
    const liveness = new Liveness(now);
    const known = {
      remote,
      liveness,
      listed: true,
      silent: false,
      nextProbeAt: now,
      probeNumber: 0,
    };
    this.#byId.set(remote.id, known);
    this.#bySlot[slot] = known;
    this.#install(remote);
  }

  #renew(known: Known, record: RelayRecord): void {
    const { remote } = known;
    known.listed = true;
    const { clock } = this.#options;
    const restarted =
      record.start !== remote.start && supersedes(remote.start, record.start, clock.now());
    const changed = remote.update(record, this.#options.sockets);
    if (restarted) this.#restart(known, record.start);
    else if (changed) this.#install(remote);
  }

  #restart(known: Known, start: number): void {
    this.#options.onRelayLost(known.remote, 'restarted');
    known.remote.start = start;
    known.liveness.restarted(this.#options.clock.monotonic());
    known.silent = false;
    // Out and in again: its sequences may begin lower than the old process's ended, if its clock
    // was set back, and the old replay windows would drop all it sends.
    this.#options.plane.removeTrunkPeer(known.remote.slot);
    this.#install(known.remote);
  }

  #install(remote: RemoteRelay): void {
    const { plane, clock } = this.#options;
    const peer = remote.trunkPeer(clock.now());
    if (peer) plane.putTrunkPeer(remote.slot, peer);
    else plane.removeTrunkPeer(remote.slot);
  }

  #remove(remote: RemoteRelay): void {
    this.#byId.delete(remote.id);
    this.#bySlot[remote.slot] = undefined;
    this.#options.plane.removeTrunkPeer(remote.slot);
  }

  /** Tells the data plane anew: our own RELAY-START, which the keys depend on, has changed. */
  renewKeys(): void {
    for (const { remote } of this.#byId.values()) this.#install(remote);
  }

  /** Tells the data plane anew: what our sockets send from has changed. */
  renewPaths(): void {
    for (const { remote } of this.#byId.values()) {
      remote.renewPath(this.#options.sockets);
      this.#install(remote);
    }
  }

  /** Sends a control message, if there is a path; like any datagram it may be lost. */
  send(remote: RemoteRelay, control: TrunkControl): void {
    if (remote.path === undefined) return;
    const { destination, ...from } = remote.path;
    this.#options.plane.send([
      {
        side: 'trunk',
        tuple: { ...from, remote: destination },
        data: encodeControl(this.#options.local, remote.sendKey, control),
      },
    ]);
  }

  /** Checks a datagram that the trunk port received and hands on what is authentic. */
  receive(datagram: PuntedDatagram): void {
    const drop = this.#receive(datagram);
    if (drop === undefined) return;
    this.drops[drop] += 1;
    this.#options.onDrop?.(datagram.tuple.remote, drop);
  }

  #receive({ tuple, data }: PuntedDatagram): TrunkDrop | undefined {
    const decoded = decodeMessage(data);
    if (!decoded.ok) return 'trunk_control_malformed';
    const { message } = decoded;
    if (message.method === Method.Binding && message.messageClass !== 'request') {
      const waited = this.#options.onForeignResponse?.(message, tuple) ?? false;
      return waited ? undefined : 'trunk_control_malformed';
    }
    const id = message.text(AttributeType.Username);
    const start = message.u64(AttributeType.RelayStart);
    if (id === undefined || start === undefined) return 'trunk_control_malformed';
    const known = this.#byId.get(id);
    if (!known) return 'trunk_control_unknown_relay';
    const { remote } = known;
    if (!remote.sendsFrom(tuple.remote)) return 'trunk_control_wrong_source';
    if (
      integrityKind(message) !== 'sha256' ||
      !verifyIntegrity(message, 'sha256', remote.receiveKey)
    ) {
      return 'trunk_control_bad_integrity';
    }
    if (start > BigInt(Number.MAX_SAFE_INTEGER)) return 'trunk_control_malformed';
    if (!this.#mayBeStart(remote, Number(start))) return 'trunk_control_old_start';
    if (Number(start) > remote.start) this.#restart(known, Number(start));
    const control = decodeControl(message);
    if (!control) return 'trunk_control_malformed';
    this.#options.onControl(remote, control);
    return undefined;
  }

  /**
   * A message of a process whose clock was ahead stays authentic: recorded and sent again it would
   * end the connections of every later one. So the future is believed of the registry only.
   */
  #mayBeStart(remote: RemoteRelay, start: number): boolean {
    if (start <= remote.start) return start === remote.start;
    return start <= remote.record.start || isPlausibleStart(start, this.#options.clock.now());
  }

  /** Takes what the workers saw. */
  event(event: DataPlaneEvent): void {
    const known = this.#bySlot[event.slot];
    if (!known) return;
    if (event.type === 'probe-reply') {
      known.liveness.replied(this.#options.clock.monotonic(), event.rttNs);
      if (!known.silent) return;
      known.silent = false;
      this.#options.onRelayBack(known.remote);
    } else if (event.type === 'unbound-index') {
      this.#options.onUnboundIndex(known.remote, event.sessionIndex);
    }
  }

  /** Sends the probes that are due, ends relays that are gone, renews keys at midnight UTC. */
  tick(): void {
    const { clock, plane } = this.#options;
    const now = clock.monotonic();
    for (const known of this.#byId.values()) {
      const { remote, liveness } = known;
      if (remote.connections > 0) {
        const { recordsSent, recordsReceived } = plane.trunkPeerTraffic(remote.slot);
        liveness.traffic(now, recordsSent + recordsReceived);
        if (liveness.gone(now)) {
          liveness.reset(now);
          known.silent = true;
          this.#options.onRelayLost(remote, 'silent');
        }
      }
      if (now >= known.nextProbeAt && remote.path) this.#probe(known, now);
    }
    this.#forget();
    const epoch = trunkEpoch(clock.now());
    if (epoch !== this.#epoch) {
      this.#epoch = epoch;
      this.renewKeys();
    }
  }

  #probe(known: Known, now: number): void {
    const busy = known.remote.connections > 0;
    known.nextProbeAt = now + (busy ? LIMITS.probeIntervalMs : LIMITS.probeIdleIntervalMs);
    known.probeNumber = (known.probeNumber + 1) >>> 0;
    known.liveness.probed();
    this.#options.plane.probe(known.remote.slot, known.probeNumber);
  }
}
