import {
  type AddressFamily,
  familyOf,
  formatAddress,
  sameAddress,
  type TransportAddress,
} from '../address.js';
import { TurnpikeError } from '../errors.js';
import { createHistogram } from '../metrics/histogram.js';
import { RELAY_METRICS } from '../metrics/relay-metrics.js';
import { TRUNK_MTU_DEFAULT_BYTES } from '../native/option-specs.js';
import { type Incarnation, incarnationOf, supersedes } from '../registry/incarnation.js';
import type { RelayRecord } from '../registry/types.js';
import { NeededRelays, TRUNK_RELAYS_MAX } from './needed-relays.js';
import type { PathEvent } from './path-event.js';
import type { LocalPathOptions, Path } from './paths.js';
import { type ProbeReply, Prober } from './prober.js';
import { isFault, type UnreachableRelay } from './reachability.js';
import { type MeasurableRelay, RegionProbes } from './region-probes.js';
import { RelayRecords } from './relay-records.js';
import { RemoteRelay } from './remote-relay.js';
import type { RemoteRelaysOptions } from './remote-relays-options.js';
import { TrunkKeyRotation, TrunkKeys } from './trunk-key-rotation.js';
import { TrunkQuality } from './trunk-quality.js';

/**
 * The other relays, by id, by data plane index and by service address. It takes registrations, has
 * paths probed, updates the data plane, and reports relays that have restarted, are gone or are
 * back. It does not assume that it knows every relay of the cluster.
 *
 * Of a large registry it keeps records, and a `RemoteRelay` with keys, paths and an entry of the
 * data plane for those only that it watches (`watchShareOf`), that a peer or the directory has it
 * talk to, or that it hears.
 *
 * Bounds: `REGISTRATION_LIMITS.relaysMax` records and `TRUNK_RELAYS_MAX` relays with paths.
 */
export class RemoteRelays {
  readonly probeRttSeconds = createHistogram(
    RELAY_METRICS,
    'turnpike_relay_trunk_probe_rtt_seconds',
  );
  readonly #options: RemoteRelaysOptions;
  readonly #byId = new Map<string, RemoteRelay>();
  readonly #byIndex: (RemoteRelay | undefined)[] = [];
  readonly #records = new RelayRecords();
  readonly #needed: NeededRelays;
  /** The paths' signature that the data plane has, by relay. Without relays that have no entry. */
  readonly #installed = new Map<RemoteRelay, string>();
  readonly #paths: LocalPathOptions;
  readonly #prober: Prober;
  /** Measures the trunks to other regions, as the directory appoints. */
  readonly regions: RegionProbes;
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
    this.#needed = new NeededRelays({
      id: options.local.id,
      plane,
      inUse: (remote) => options.inUse(remote) || this.regions.has(remote),
    });
    this.#prober = new Prober(plane, {
      onAsked: (remote) => remote.liveness.probed(),
      onAnswer: (remote, path) => this.#answered(remote, path),
      onRoundTrip: (rttNs) => this.probeRttSeconds.observe(rttNs / 1e9),
      onChange: (remote) => this.#choosePath(remote, clock.monotonic()),
    });
    this.regions = new RegionProbes({
      region: options.region,
      relays: () => this.#measurable(),
      need: (id) => this.need(id),
      ask: (remote, now) => this.#prober.ask(remote, now),
    });
  }

  /** Returns a relay with paths by its id. */
  get(id: string): RemoteRelay | undefined {
    return this.#byId.get(id);
  }

  /** Returns the record of a listed relay. */
  recordOf = (id: string): RelayRecord | undefined => this.#records.get(id);

  /**
   * Returns a known relay that this one is to talk to, and has paths made and probed for it.
   * @returns undefined for an unknown relay, or if there is no room for its paths
   */
  need(id: string): RemoteRelay | undefined {
    const remote = this.#byId.get(id) ?? this.#make(id, true);
    if (remote === undefined) return undefined;
    remote.neededAt = this.#options.clock.monotonic();
    if (!remote.isProbed) this.#prober.put(remote);
    remote.isProbed = true;
    return remote;
  }

  /**
   * Returns the listed relay without paths that sends from an address, and makes its paths, so that
   * this relay can answer it. It is not probed before it is needed.
   * @param isGenuine - returns whether what was heard is the relay's, by the keys
   */
  wake(source: TransportAddress, isGenuine: (keys: TrunkKeys) => boolean): RemoteRelay | undefined {
    const id = this.#records.sendingFrom(source);
    if (id === undefined || this.#byId.has(id)) return undefined;
    if (!this.#needed.mayWake(this.#options.clock.monotonic())) return undefined;
    return this.#make(id, false, isGenuine);
  }

  /** Makes the paths to a listed relay. @returns undefined if it is unknown, or without room */
  #make(
    id: string,
    isProbed: boolean,
    isGenuine: (keys: TrunkKeys) => boolean = () => true,
  ): RemoteRelay | undefined {
    const record = this.#records.get(id);
    if (record === undefined) return undefined;
    const keys = TrunkKeys.usable(this.#options.local, record);
    if (keys === undefined || !isGenuine(keys)) return undefined;
    const { size } = this.#byId;
    const least = size < TRUNK_RELAYS_MAX ? undefined : this.#needed.leastNeeded(this.all());
    if (least !== undefined) this.#remove(least);
    return this.#add(record, keys, isProbed);
  }

  /** Iterates over the listed relays, with the paths to them. */
  *#measurable(): Iterable<MeasurableRelay> {
    for (const record of this.#records.all()) yield { record, remote: this.#byId.get(record.id) };
  }

  /** Returns a relay by its index in the data plane. */
  atIndex(relayIndex: number): RemoteRelay | undefined {
    return this.#byIndex[relayIndex];
  }

  /** Returns the relay with a service address: this one, another, or undefined if it is unknown. */
  serving(address: TransportAddress): RemoteRelay | 'self' | undefined {
    if (this.#options.serviceAddresses.some((own) => sameAddress(own, address))) return 'self';
    return this.need(this.#records.serving(address) ?? '');
  }

  /**
   * Returns an alternate server for a peer (RFC 8489 section 14.15): a service address of a
   * reachable relay of this region, else of another reachable relay, else of any.
   */
  alternate(family: AddressFamily): TransportAddress | undefined {
    const isReached = ({ id }: RelayRecord) => this.get(id)?.unreachable === undefined;
    return this.#records.alternate(family, this.#options.region, isReached);
  }

  /** Iterates over the relays with paths. */
  all(): Iterable<RemoteRelay> {
    return this.#byId.values();
  }

  /** The share of other relays that this one watches, as `watchShareOf`. */
  get watchShare(): number {
    return this.#needed.share;
  }

  /** Iterates over the relays that cannot be reached due to a fault. */
  *unreachable(): Iterable<UnreachableRelay> {
    for (const { id, unreachable } of this.all()) {
      if (isFault(unreachable)) yield { id, reason: unreachable };
    }
  }

  /** Returns whether any relay answers on a path of an address family now. */
  answers(family: AddressFamily): boolean {
    for (const { path, rttNs, unreachable } of this.all()) {
      if (rttNs === undefined || path === undefined || isFault(unreachable)) continue;
      if (familyOf(path.destination) === family) return true;
    }
    return false;
  }

  /**
   * Takes the registry's relays, all or none; this relay's own record is skipped. A relay that is
   * no longer listed is kept while legs refer to it. One that the data plane refuses is known, but
   * has no path (event `refused`).
   * @throws TurnpikeError ERR_TURNPIKE_SECRET for a public key that is not usable; it names the
   *   relay
   */
  update(records: readonly RelayRecord[]): void {
    this.prepareUpdate(records)();
  }

  /**
   * Checks the registry's relays. Throws as `update`; nothing has changed then.
   * @returns what takes them; to be called before any other change
   */
  prepareUpdate(records: readonly RelayRecord[]): () => void {
    const others = records.filter(({ id }) => id !== this.#options.local.id);
    const watched = this.#needed.watchedOf(others.length);
    const kept = others.filter(({ id }) => this.#byId.has(id) || watched(id));
    const keys = new Map(kept.map((record) => [record, this.#keysOf(record)]));
    return () => this.#update(others, keys);
  }

  /** Returns a relay's keys: those that are known, if its public key is the known one. */
  #keysOf(record: RelayRecord): TrunkKeys {
    const known = this.#byId.get(record.id);
    if (known !== undefined && known.record.publicKey === record.publicKey) return known.keys;
    try {
      return new TrunkKeys(this.#options.local, record);
    } catch (cause) {
      const message = `relay ${record.id}: not a usable X25519 public key`;
      throw new TurnpikeError('ERR_TURNPIKE_SECRET', message, { cause });
    }
  }

  #update(records: readonly RelayRecord[], keys: ReadonlyMap<RelayRecord, TrunkKeys>): void {
    this.#records.update(records);
    this.#needed.resize(records.length);
    for (const remote of this.all()) remote.listed = this.#records.get(remote.id) !== undefined;
    this.#cedeSources(records);
    for (const [record, prepared] of keys) {
      const known = this.#byId.get(record.id);
      if (known) this.#renew(known, record, prepared);
      else this.#add(record, prepared, true);
    }
    this.#forget();
    this.regions.changed();
  }

  /** Removes sources of unlisted relays that the registry now gives to others. */
  #cedeSources(records: readonly RelayRecord[]): void {
    const kept = [...this.all()].filter(({ listed }) => !listed);
    if (kept.length === 0) return;
    const taken = new Set(records.flatMap(({ trunkSources }) => trunkSources.map(formatAddress)));
    for (const remote of kept) {
      const { record } = remote;
      const trunkSources = record.trunkSources.filter((each) => !taken.has(formatAddress(each)));
      if (remote.update({ ...record, trunkSources }, remote.keys)) this.#takePaths(remote);
    }
  }

  #forget(): void {
    for (const remote of this.all()) {
      if (!remote.listed && !this.#options.inUse(remote)) this.#remove(remote);
    }
  }

  #add(record: RelayRecord, keys: TrunkKeys, isProbed: boolean): RemoteRelay | undefined {
    const { clock } = this.#options;
    let relayIndex = this.#byIndex.indexOf(undefined);
    if (relayIndex < 0) relayIndex = this.#byIndex.length;
    if (relayIndex >= TRUNK_RELAYS_MAX) return undefined;
    const remote = new RemoteRelay(record, { keys, paths: this.#paths, clock, relayIndex });
    remote.isProbed = isProbed;
    this.#byId.set(remote.id, remote);
    this.#byIndex[relayIndex] = remote;
    this.#takePaths(remote);
    return remote;
  }

  #renew(remote: RemoteRelay, record: RelayRecord, keys: TrunkKeys): void {
    const registered = incarnationOf(record);
    const isAnother =
      registered !== remote.incarnation &&
      supersedes(remote.incarnation, registered, this.#options.clock.now());
    const isDifferent = remote.update(record, keys);
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
    this.#options.plane.removeRemoteRelay(remote.relayIndex);
    this.#options.onForgotten(remote);
  }

  /** Resets a relay to another incarnation: keys, counters and connections are void. */
  restarted(remote: RemoteRelay, incarnation: Incarnation): void {
    this.#options.onRelayLost(remote, 'restarted');
    remote.incarnation = incarnation;
    remote.liveness.reset(this.#options.clock.monotonic());
    // Removed and added again: if the relay's clock was set back, its sequences may restart below
    // the old replay windows, which would drop everything.
    this.#options.plane.removeRemoteRelay(remote.relayIndex);
    remote.paths.restart(remote.record);
    this.#takePaths(remote);
  }

  /** Updates the prober and the data plane after a change of paths. */
  #takePaths(remote: RemoteRelay): void {
    if (remote.isProbed) this.#prober.put(remote);
    this.#install(remote);
    this.report(remote, remote.checkReachability(this.#options.clock.monotonic()));
  }

  /** Gives the data plane the relay's entry. */
  #install(remote: RemoteRelay): void {
    const { plane, clock } = this.#options;
    const entry = remote.dataPlaneEntry(clock.now());
    if (entry === undefined) return this.#takeOut(remote);
    try {
      plane.putRemoteRelay(remote.relayIndex, entry);
    } catch (error) {
      this.#takeOut(remote);
      return this.report(remote, [{ type: 'refused', error }]);
    }
    this.#installed.set(remote, remote.paths.signature);
  }

  /**
   * Removes a relay's entry from the data plane. The relay has no path then, since a probe by one
   * would be refused, until its registration or this relay's source addresses change.
   */
  #takeOut(remote: RemoteRelay): void {
    if (this.#installed.delete(remote)) this.#options.onRelayLost(remote, 'silent');
    remote.paths.clear();
    if (remote.isProbed) this.#prober.put(remote);
    this.#options.plane.removeRemoteRelay(remote.relayIndex);
  }

  #choosePath(remote: RemoteRelay, now: number): void {
    const events = remote.choosePath(now);
    if (remote.paths.signature !== this.#installed.get(remote)) this.#install(remote);
    this.report(remote, events);
  }

  /** Reports changes of a relay's paths. */
  report(remote: RemoteRelay, events: readonly PathEvent[]): void {
    for (const event of events) this.#options.onPathEvent(remote, event);
  }

  /** Takes a reply by a path: the relay is alive if the path serves. */
  #answered(remote: RemoteRelay, path: Path): void {
    const saysAlive = path.serves || remote.paths.probeSupport.kind === 'unknown';
    if (!saysAlive) return;
    const isBack = remote.liveness.replied(this.#options.clock.monotonic());
    if (isBack) this.#options.onRelayBack(remote);
  }

  /** Takes a reply to a probe. */
  probeReply(reply: ProbeReply): void {
    const remote = this.atIndex(reply.relayIndex);
    if (remote) this.#prober.reply(remote, reply, this.#options.clock.monotonic());
  }

  /**
   * Renews the keys of all relays in the data plane, after a change of this relay's incarnation.
   */
  renewKeys(): void {
    for (const remote of this.all()) this.#install(remote);
  }

  /** Renews the paths to all relays, after a change of this relay's source addresses. */
  renewPaths(): void {
    for (const remote of this.all()) {
      remote.paths.update(remote.record);
      this.#takePaths(remote);
    }
  }

  /**
   * Sends the probes that are due, ends relays that are gone, and renews keys at midnight UTC. To
   * be called every 100 ms or so.
   */
  tick(): void {
    const { clock } = this.#options;
    const now = clock.monotonic();
    for (const remote of this.all()) {
      if (remote.connections > 0) this.#checkLiveness(remote, now);
      const isMeasured = remote.connections > 0 || this.regions.has(remote);
      remote.quality = isMeasured ? (remote.quality ?? new TrunkQuality()) : undefined;
      if (remote.paths.isOpening) this.#choosePath(remote, now);
      else this.report(remote, remote.checkReachability(now));
    }
    this.regions.tick(now);
    this.#prober.tick(now);
    this.#forget();
    for (const remote of this.#needed.idle(this.all(), now)) this.#remove(remote);
    if (this.#rotation.isDue(clock.now())) this.renewKeys();
  }

  #checkLiveness(remote: RemoteRelay, now: number): void {
    const { recordsSent, recordsReceived } = this.#options.plane.remoteRelayTraffic(
      remote.relayIndex,
    );
    remote.liveness.traffic(now, recordsSent + recordsReceived);
    if (remote.liveness.becomesGone(now)) this.#options.onRelayLost(remote, 'silent');
  }
}
