import {
  type AddressFamily,
  familyOf,
  formatAddress,
  sameAddress,
  type TransportAddress,
} from '../address.js';
import type { Clock } from '../clock.js';
import { LIMITS } from '../limits.js';
import { TRUNK_MTU_DEFAULT_BYTES } from '../native/option-specs.js';
import type { DataPlane } from '../native/types.js';
import { type Incarnation, incarnationOf, supersedes } from '../registry/incarnation.js';
import type { RelayRecord } from '../registry/types.js';
import type { LocalRelay, TrunkSocket } from './local-relay.js';
import type { PathEvent } from './path-event.js';
import type { LocalPathOptions, Path } from './paths.js';
import { type ProbeReply, Prober } from './prober.js';
import { isFault, type UnreachableRelay } from './reachability.js';
import { RemoteRelay } from './remote-relay.js';
import { TrunkKeyRotation } from './trunk-key-rotation.js';

export interface RemoteRelaysOptions {
  readonly local: LocalRelay;
  /** This relay's, of the form of a relay's id. */
  readonly region: string;
  /** Where peers reach this relay, as advertised. */
  readonly serviceAddresses: readonly TransportAddress[];
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
  /** A relay is known no more. */
  readonly onForgotten: (remote: RemoteRelay) => void;
  /** Something has become of the paths to a relay. */
  readonly onPathEvent: (remote: RemoteRelay, event: PathEvent) => void;
  /** The longest bundle of this relay; default TRUNK_MTU_DEFAULT_BYTES. */
  readonly trunkMtuBytes?: number;
}

/**
 * The other relays that this one knows, an entry each (`RemoteRelay`): found by id, by index in the
 * data plane and by service address. It keeps the entries true: takes registrations, has paths
 * probed, tells the data plane, and says when a relay started anew, is gone or is back. Nothing
 * assumes that every relay of a cluster is among them.
 *
 * Bound: `relaysMax` relays; beyond it one is not taken.
 */
export class RemoteRelays {
  readonly #options: RemoteRelaysOptions;
  readonly #byId = new Map<string, RemoteRelay>();
  readonly #byIndex: (RemoteRelay | undefined)[] = [];
  /** By service address, those that are listed, in the registry's order. */
  #byService: ReadonlyMap<string, RemoteRelay> = new Map();
  /** What the data plane was told of each one's paths. */
  readonly #installed = new Map<RemoteRelay, string>();
  readonly #paths: LocalPathOptions;
  readonly #prober: Prober;
  readonly #rotation: TrunkKeyRotation;

  constructor(options: RemoteRelaysOptions) {
    this.#options = options;
    const { plane, sockets, clock, trunkMtuBytes = TRUNK_MTU_DEFAULT_BYTES } = options;
    this.#paths = {
      sockets,
      lanes: sockets.map((_, socket) => plane.trunkLanePorts[socket]?.length ?? 0),
      mtuBytesMax: Math.max(trunkMtuBytes, TRUNK_MTU_DEFAULT_BYTES),
    };
    this.#rotation = new TrunkKeyRotation(clock.now());
    this.#prober = new Prober(plane, {
      onAsked: (remote) => remote.liveness.probed(),
      onAnswer: (remote, path) => this.#answered(remote, path),
      onChange: (remote) => this.#choosePath(remote, clock.monotonic()),
    });
  }

  get(id: string): RemoteRelay | undefined {
    return this.#byId.get(id);
  }

  /** The relay of an index in the data plane. */
  atIndex(relayIndex: number): RemoteRelay | undefined {
    return this.#byIndex[relayIndex];
  }

  /** The relay that serves peers at an address: this one, another one, or none that is known. */
  serving(address: TransportAddress): RemoteRelay | 'self' | undefined {
    if (this.#options.serviceAddresses.some((own) => sameAddress(own, address))) return 'self';
    return this.#byService.get(formatAddress(address));
  }

  /**
   * Where a peer should go instead of this relay: to one of the region that is reached from here,
   * else to another that is, else to any.
   * @returns a service address of the family
   */
  alternate(family: AddressFamily): TransportAddress | undefined {
    const listed = [...new Set(this.#byService.values())];
    const reached = listed.filter(({ unreachable }) => unreachable === undefined);
    const near = reached.filter(({ record }) => record.region === this.#options.region);
    // One that is not reached from here may still be reached by the peer, if there is no other.
    for (const { record } of [...near, ...reached, ...listed]) {
      const address = record.serviceAddresses.find((each) => familyOf(each) === family);
      if (address) return address;
    }
    return undefined;
  }

  /** All that are known. */
  all(): Iterable<RemoteRelay> {
    return this.#byId.values();
  }

  /** Those that this relay should reach but cannot now, and why. */
  *unreachable(): Iterable<UnreachableRelay> {
    for (const { id, unreachable } of this.all()) {
      if (isFault(unreachable)) yield { id, reason: unreachable };
    }
  }

  /** Whether some relay answers by a path of an address family now. */
  answers(family: AddressFamily): boolean {
    for (const { path, rttNs, unreachable } of this.all()) {
      if (rttNs === undefined || path === undefined || isFault(unreachable)) continue;
      if (familyOf(path.destination) === family) return true;
    }
    return false;
  }

  /**
   * Takes the relays that the registry now holds; ours among them is passed over. A relay that is
   * no longer listed is kept while legs refer to it.
   */
  update(records: readonly RelayRecord[]): void {
    for (const remote of this.all()) remote.listed = false;
    this.#cedeSources(records);
    const byService = new Map<string, RemoteRelay>();
    for (const record of records) {
      if (record.id === this.#options.local.id) continue;
      const known = this.#byId.get(record.id);
      if (known) this.#renew(known, record);
      const remote = known ?? this.#add(record);
      if (!remote) continue;
      for (const address of record.serviceAddresses) byService.set(formatAddress(address), remote);
    }
    this.#byService = byService;
    this.#forget();
  }

  /** One that is kept for its legs alone has no more the sources that the registry gives others. */
  #cedeSources(records: readonly RelayRecord[]): void {
    const ids = new Set(records.map(({ id }) => id));
    const kept = [...this.all()].filter(({ id }) => !ids.has(id));
    if (kept.length === 0) return;
    const taken = new Set(records.flatMap(({ trunkSources }) => trunkSources.map(formatAddress)));
    for (const remote of kept) {
      const { record } = remote;
      const trunkSources = record.trunkSources.filter((each) => !taken.has(formatAddress(each)));
      if (remote.update({ ...record, trunkSources })) this.#takePaths(remote);
    }
  }

  #forget(): void {
    for (const remote of this.all()) {
      if (!remote.listed && !this.#options.inUse(remote)) this.#remove(remote);
    }
  }

  #add(record: RelayRecord): RemoteRelay | undefined {
    const { local, clock } = this.#options;
    let relayIndex = this.#byIndex.indexOf(undefined);
    if (relayIndex < 0) relayIndex = this.#byIndex.length;
    if (relayIndex >= LIMITS.relaysMax) return undefined;
    const remote = new RemoteRelay(record, { local, paths: this.#paths, clock, relayIndex });
    this.#byId.set(remote.id, remote);
    this.#byIndex[relayIndex] = remote;
    this.#takePaths(remote);
    return remote;
  }

  #renew(remote: RemoteRelay, record: RelayRecord): void {
    remote.listed = true;
    const registered = incarnationOf(record);
    const isAnother =
      registered !== remote.incarnation &&
      supersedes(remote.incarnation, registered, this.#options.clock.now());
    const isDifferent = remote.update(record);
    if (isAnother) {
      if (registered < remote.incarnation) remote.incarnationDisowned = remote.incarnation;
      return this.restarted(remote, registered);
    }
    if (!isDifferent) return;
    remote.paths.update(record);
    this.#takePaths(remote);
  }

  #remove(remote: RemoteRelay): void {
    this.#prober.remove(remote);
    this.#byId.delete(remote.id);
    this.#byIndex[remote.relayIndex] = undefined;
    this.#installed.delete(remote);
    this.#options.plane.removeTrunkPeer(remote.relayIndex);
    this.#options.onForgotten(remote);
  }

  /** A relay is in another incarnation: nothing that was agreed with it holds. */
  restarted(remote: RemoteRelay, incarnation: Incarnation): void {
    this.#options.onRelayLost(remote, 'restarted');
    remote.incarnation = incarnation;
    remote.liveness.reset(this.#options.clock.monotonic());
    // Out and in again: its sequences may begin lower than the old process's ended, if its clock
    // was set back, and the old replay windows would drop all it sends.
    this.#options.plane.removeTrunkPeer(remote.relayIndex);
    remote.paths.restart(remote.record);
    this.#takePaths(remote);
  }

  /** Takes paths that may be others than before, and tells the data plane. */
  #takePaths(remote: RemoteRelay): void {
    this.#prober.put(remote);
    this.#install(remote);
    this.report(remote, remote.checkReachability(this.#options.clock.monotonic()));
  }

  #install(remote: RemoteRelay): void {
    const { plane, clock } = this.#options;
    this.#installed.set(remote, remote.paths.signature);
    const peer = remote.trunkPeer(clock.now());
    if (peer) plane.putTrunkPeer(remote.relayIndex, peer);
    else plane.removeTrunkPeer(remote.relayIndex);
  }

  #choosePath(remote: RemoteRelay, now: number): void {
    const events = remote.choosePath(now);
    if (remote.paths.signature !== this.#installed.get(remote)) this.#install(remote);
    this.report(remote, events);
  }

  /** Says what has become of a relay's paths. */
  report(remote: RemoteRelay, events: readonly PathEvent[]): void {
    for (const event of events) this.#options.onPathEvent(remote, event);
  }

  /** A probe by a path was answered: the relay lives, if the answer says so. */
  #answered(remote: RemoteRelay, path: Path): void {
    const saysAlive = path.serves || remote.paths.probeSupport.kind === 'unknown';
    if (!saysAlive) return;
    const isBack = remote.liveness.replied(this.#options.clock.monotonic());
    if (isBack) this.#options.onRelayBack(remote);
  }

  /** A probe has come back. */
  probeReply(reply: ProbeReply): void {
    const remote = this.atIndex(reply.relayIndex);
    if (remote) this.#prober.reply(remote, reply, this.#options.clock.monotonic());
  }

  /** Tells the data plane anew: our own incarnation, which the keys depend on, has changed. */
  renewKeys(): void {
    for (const remote of this.all()) this.#install(remote);
  }

  /** Tells the data plane anew: what our sockets send from has changed. */
  renewPaths(): void {
    for (const remote of this.all()) {
      remote.paths.update(remote.record);
      this.#takePaths(remote);
    }
  }

  /** Sends the probes that are due, ends relays that are gone, renews keys at midnight UTC. */
  tick(): void {
    const { clock } = this.#options;
    const now = clock.monotonic();
    for (const remote of this.all()) {
      if (remote.connections > 0) this.#checkLiveness(remote, now);
      if (remote.paths.isOpening) this.#choosePath(remote, now);
      else this.report(remote, remote.checkReachability(now));
    }
    this.#prober.tick(now);
    this.#forget();
    if (this.#rotation.isDue(clock.now())) this.renewKeys();
  }

  #checkLiveness(remote: RemoteRelay, now: number): void {
    const { recordsSent, recordsReceived } = this.#options.plane.trunkPeerTraffic(
      remote.relayIndex,
    );
    remote.liveness.traffic(now, recordsSent + recordsReceived);
    if (remote.liveness.becomesGone(now)) this.#options.onRelayLost(remote, 'silent');
  }
}
