import { formatAddress } from '../address.js';
import { trunkEpoch } from '../auth/keys.js';
import { LIMITS } from '../limits.js';
import type { DataPlaneEvent, PuntedDatagram } from '../native/types.js';
import { isPlausibleStart, supersedes } from '../registry/incarnation.js';
import type { RelayRecord } from '../registry/types.js';
import { AttributeType } from '../stun/attribute-types.js';
import { integrityKind, verifyIntegrity } from '../stun/integrity.js';
import { decodeMessage } from '../stun/message.js';
import { Method } from '../stun/methods.js';
import { isChallenge } from './claim-challenge.js';
import { ControlChannel } from './control-channel.js';
import type { ControlMessage } from './control-message.js';
import { KnownRelay } from './known-relay.js';
import type { LocalPathOptions } from './paths.js';
import { Prober } from './prober.js';
import { isFault, type UnreachableRelay } from './reachability.js';
import { RemoteRelay } from './remote-relay.js';
import type { PathEvent, TrunkDrop, TrunkOptions, TrunkRelayView } from './trunk-options.js';
import { isAt, UnregisteredSources } from './unregistered-sources.js';

/** First half of a trunk datagram's first byte (PROTOCOL.md section 4). */
const TRUNK_VERSION = 1;
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
    trunk_control_other_start: 0,
    trunk_control_uncounted: 0,
    trunk_control_repeated: 0,
    trunk_control_too_old: 0,
  };
  readonly #options: TrunkOptions;
  readonly #byId = new Map<string, KnownRelay>();
  readonly #byIndex: (KnownRelay | undefined)[] = [];
  readonly #prober: Prober;
  readonly #localPaths: LocalPathOptions;
  readonly #unlisted = new UnregisteredSources();
  readonly #channel: ControlChannel;
  #epoch: number;

  constructor(options: TrunkOptions) {
    this.#options = options;
    this.#channel = new ControlChannel(options);
    const { plane, sockets, clock, trunkMtuBytes = LIMITS.trunkMtuBytes } = options;
    this.#localPaths = {
      sockets,
      lanes: sockets.map((_, socket) => plane.trunkLanePorts[socket]?.length ?? 0),
      mtuBytesMax: Math.max(trunkMtuBytes, LIMITS.trunkMtuBytes),
    };
    this.#prober = new Prober(plane, {
      onAsked: (probed) => (probed as KnownRelay).liveness.probed(),
      onAnswer: (probed, path) => {
        const isAlive = path.serves || probed.paths.probeSupport.kind === 'unknown';
        if (isAlive) this.#answered(probed as KnownRelay, clock.monotonic());
      },
      onChange: (probed) => this.#judge(probed as KnownRelay, clock.monotonic()),
    });
    this.#epoch = trunkEpoch(options.clock.now());
  }

  /** The relay of an id, if known. */
  get(id: string): RemoteRelay | undefined {
    return this.#byId.get(id)?.remote;
  }

  /** The relays that this one should reach but cannot now, and why. */
  *unreachable(): Iterable<UnreachableRelay> {
    for (const { remote } of this.#byId.values()) {
      const { id, unreachable } = remote;
      if (isFault(unreachable)) yield { id, reason: unreachable };
    }
  }

  /** Whether a relay answers probes at a trunk address, or at any of that IP. */
  answersAt(id: string, { address, port }: { readonly address: string; readonly port?: number }) {
    const paths = this.#byId.get(id)?.paths.all ?? [];
    return paths.some(({ addresses: { destination }, main }) => {
      const isThere =
        destination.address === address && (port ?? destination.port) === destination.port;
      return isThere && main.isProven;
    });
  }

  /** A peer wants to be connected with a peer of the relay: it is looked at more closely. */
  expect(remote: RemoteRelay): void {
    this.#byId.get(remote.id)?.expect();
  }

  /**
   * The largest payload that is recommended to peers whose connection crosses the trunk to a relay.
   * @param remote - `self` for peers of one relay, who cross none
   * @returns bytes, at most LIMITS.payloadBytesRecommended
   */
  payloadBytesRecommended(remote: RemoteRelay | 'self'): number {
    const known = remote === 'self' ? undefined : this.#byId.get(remote.id);
    return known?.payloadBytes ?? LIMITS.payloadBytesRecommended;
  }

  /** Every known relay. */
  *relays(): Iterable<TrunkRelayView> {
    for (const { remote, paths } of this.#byId.values()) {
      const { main, mtu } = paths.inUse ?? {};
      yield {
        remote,
        rttNs: main?.standing === 'answered' ? main.rttNs : undefined,
        mtuBytes: mtu?.measured ? mtu.bytes : undefined,
        pathSwitches: paths.switches,
      };
    }
  }

  /**
   * Takes the relays that the registry now holds; ours among them is passed over. A relay that is
   * no longer listed is kept while legs refer to it.
   */
  update(records: readonly RelayRecord[]): void {
    for (const known of this.#byId.values()) known.listed = false;
    this.#cede(records);
    for (const record of records) {
      if (record.id === this.#options.local.id) continue;
      const known = this.#byId.get(record.id);
      if (known) this.#renew(known, record);
      else this.#add(record);
    }
    this.#forget();
  }

  /** One that is kept for its legs alone has no more the sources that the registry gives others. */
  #cede(records: readonly RelayRecord[]): void {
    const ids = new Set(records.map(({ id }) => id));
    const kept = [...this.#byId.values()].filter(({ remote: { id } }) => !ids.has(id));
    if (kept.length === 0) return;
    const taken = new Set(records.flatMap(({ trunkSources }) => trunkSources.map(formatAddress)));
    for (const known of kept) {
      const { record } = known.remote;
      const trunkSources = record.trunkSources.filter((each) => !taken.has(formatAddress(each)));
      if (known.remote.update({ ...record, trunkSources })) this.#take(known);
    }
  }

  #forget(): void {
    for (const { remote, listed } of this.#byId.values()) {
      if (!listed && !this.#options.inUse(remote)) this.#remove(remote);
    }
  }

  #add(record: RelayRecord): void {
    const { local, clock } = this.#options;
    let relayIndex = this.#byIndex.indexOf(undefined);
    if (relayIndex < 0) relayIndex = this.#byIndex.length;
    if (relayIndex >= LIMITS.relaysMax) return;
    const remote = new RemoteRelay(local, record, relayIndex);
    const known = new KnownRelay(remote, this.#localPaths, clock);
    this.#byId.set(remote.id, known);
    this.#byIndex[relayIndex] = known;
    this.#take(known);
  }

  /** Takes paths that may be others than before, and tells the data plane. */
  #take(known: KnownRelay): void {
    this.#prober.put(known);
    known.remote.path = known.paths.inUse?.addresses;
    this.#install(known);
    this.#say(known, known.reach(this.#options.clock.monotonic()));
  }

  #renew(known: KnownRelay, record: RelayRecord): void {
    const { remote } = known;
    known.listed = true;
    const { clock } = this.#options;
    const restarted =
      record.start !== remote.start && supersedes(remote.start, record.start, clock.now());
    const changed = remote.update(record);
    if (restarted) {
      if (record.start < remote.start) remote.startDisowned = remote.start;
      return this.#restart(known, record.start);
    }
    if (!changed) return;
    known.paths.update(record);
    this.#take(known);
  }

  #restart(known: KnownRelay, start: number): void {
    this.#options.onRelayLost(known.remote, 'restarted');
    known.remote.start = start;
    known.liveness.reset(this.#options.clock.monotonic());
    known.silent = false;
    // Out and in again: its sequences may begin lower than the old process's ended, if its clock
    // was set back, and the old replay windows would drop all it sends.
    this.#options.plane.removeTrunkPeer(known.remote.relayIndex);
    known.paths.restart(known.remote.record);
    this.#take(known);
  }

  #install(known: KnownRelay): void {
    const { plane, clock } = this.#options;
    const { remote, paths } = known;
    known.told = paths.signature;
    const peer = remote.trunkPeer(clock.now(), paths.forPlane);
    if (peer) plane.putTrunkPeer(remote.relayIndex, peer);
    else plane.removeTrunkPeer(remote.relayIndex);
  }

  /** Decides anew about a relay's paths, and tells whoever must know. */
  #judge(known: KnownRelay, now: number): void {
    const news = known.judge(now);
    if (known.paths.signature !== known.told) this.#install(known);
    this.#say(known, news);
  }

  #say({ remote }: KnownRelay, news: readonly PathEvent[]): void {
    for (const each of news) this.#options.onPathEvent?.(remote, each);
  }

  #answered(known: KnownRelay, now: number): void {
    known.liveness.replied(now);
    if (!known.silent) return;
    known.silent = false;
    this.#options.onRelayBack(known.remote);
  }

  #remove(remote: RemoteRelay): void {
    const known = this.#byId.get(remote.id);
    if (known) this.#prober.remove(known);
    this.#byId.delete(remote.id);
    this.#channel.leave(remote);
    this.#byIndex[remote.relayIndex] = undefined;
    this.#options.plane.removeTrunkPeer(remote.relayIndex);
  }

  /** Tells the data plane anew: our own RELAY-START, which the keys depend on, has changed. */
  renewKeys(): void {
    for (const known of this.#byId.values()) this.#install(known);
  }

  /** Tells the data plane anew: what our sockets send from has changed. */
  renewPaths(): void {
    for (const known of this.#byId.values()) {
      known.paths.update(known.remote.record);
      this.#take(known);
    }
  }

  /**
   * Sends a control message, if there is a path; like any datagram it may be lost.
   * @param before - what it returned when the same message was sent before
   * @returns its counter, to be given when it is sent again
   */
  send(remote: RemoteRelay, control: ControlMessage, before = 0): number {
    return this.#channel.send(remote, control, before);
  }

  /** Checks a datagram that the trunk port received and hands on what is authentic. */
  receive(datagram: PuntedDatagram): void {
    if ((datagram.data[0] ?? 0) >> 4 === TRUNK_VERSION) return this.#receiveUnlisted(datagram);
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
    if (isChallenge(message)) {
      this.#options.onChallenge?.(message, tuple);
      return undefined;
    }
    const id = message.text(AttributeType.Username);
    const start = message.u64(AttributeType.RelayStart);
    if (id === undefined || start === undefined) return 'trunk_control_malformed';
    const known = this.#byId.get(id);
    if (!known) return 'trunk_control_unknown_relay';
    const { remote } = known;
    if (!remote.sendsFrom(tuple.remote)) {
      const isGenuine =
        isAt(remote, tuple.remote) &&
        this.#unlisted.takeTry('control', remote, this.#options.clock.monotonic()) &&
        verifyIntegrity(message, 'sha256', remote.receiveKey);
      if (isGenuine) this.#say(known, known.unlisted(tuple.remote));
      return 'trunk_control_wrong_source';
    }
    if (
      integrityKind(message) !== 'sha256' ||
      !verifyIntegrity(message, 'sha256', remote.receiveKey)
    ) {
      return 'trunk_control_bad_integrity';
    }
    if (start > BigInt(Number.MAX_SAFE_INTEGER)) return 'trunk_control_malformed';
    if (!this.#mayBeStart(remote, Number(start))) return 'trunk_control_old_start';
    // Before a later start is believed: it may have been recorded in an earlier life of this relay.
    const sequence = this.#channel.addressee(remote, message, Number(start));
    if (typeof sequence === 'string') return sequence;
    if (Number(start) > remote.start) this.#restart(known, Number(start));
    return this.#channel.receive(remote, message, sequence);
  }

  /**
   * A message of a process whose clock was ahead stays authentic: recorded and sent again it would
   * end the connections of every later one. So the future is believed of the registry only.
   */
  #mayBeStart(remote: RemoteRelay, start: number): boolean {
    if (start <= remote.start) return start === remote.start;
    if (start <= remote.record.start) return true;
    if (start <= remote.startDisowned) return false;
    return isPlausibleStart(start, this.#options.clock.now());
  }

  /** Takes what the workers saw. */
  event(event: DataPlaneEvent): void {
    const known = this.#byIndex[event.relayIndex];
    if (!known) return;
    if (event.type === 'unbound-index') {
      this.#options.onUnboundIndex(known.remote, event.sessionIndex);
    } else {
      this.#prober.reply(known, event, this.#options.clock.monotonic());
    }
  }

  /** Sends the probes that are due, ends relays that are gone, renews keys at midnight UTC. */
  tick(): void {
    const { clock, plane } = this.#options;
    const now = clock.monotonic();
    for (const known of this.#byId.values()) {
      const { remote, liveness } = known;
      if (remote.connections > 0) {
        const { recordsSent, recordsReceived } = plane.trunkPeerTraffic(remote.relayIndex);
        liveness.traffic(now, recordsSent + recordsReceived);
        if (liveness.gone(now)) {
          liveness.reset(now);
          known.silent = true;
          this.#options.onRelayLost(remote, 'silent');
        }
      }
      if (known.paths.isOpening) this.#judge(known, now);
      else this.#say(known, known.reach(now));
    }
    this.#prober.tick(now);
    this.#forget();
    const epoch = trunkEpoch(clock.now());
    if (epoch !== this.#epoch) {
      this.#epoch = epoch;
      this.renewKeys();
    }
  }

  /** A trunk datagram from a port that no relay has registered. */
  #receiveUnlisted(datagram: PuntedDatagram): void {
    const now = this.#options.clock.monotonic();
    const known = this.#unlisted.find(datagram, this.#byId.values(), now);
    if (known) this.#say(known, known.unlisted(datagram.tuple.remote));
  }
}
