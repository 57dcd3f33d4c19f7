import { formatAddress, type TransportAddress } from '../address.js';
import type { Clock, UnixMs } from '../clock.js';
import { TRUNK_MTU_DEFAULT_BYTES } from '../native/option-specs.js';
import type { TrunkPeer } from '../native/types.js';
import { type Incarnation, incarnationOf } from '../registry/incarnation.js';
import { sendsFromHost } from '../registry/record.js';
import type { RelayRecord } from '../registry/types.js';
import { PAYLOAD_BYTES_RECOMMENDED } from '../stun/channel-data.js';
import { DampedPathMtu } from './damped-path-mtu.js';
import type { LocalRelay } from './local-relay.js';
import type { PathEvent } from './path-event.js';
import { type LocalPathOptions, type PathAddresses, RelayPaths } from './paths.js';
import type { Interest } from './probe-schedule.js';
import { isFault, type UnreachableReason, unreachableReason } from './reachability.js';
import { RelayLiveness } from './relay-liveness.js';
import { TrunkKeys } from './trunk-key-rotation.js';

/** How long a relay that a peer wants to be connected with is probed more closely. */
const EXPECTED_MS = 5_000;
/** How long data from an unregistered port explains that a relay is out of reach. */
const UNREGISTERED_SOURCE_MS = 30_000;
/** A trunk datagram's header and the header of its record. */
const SINGLE_RECORD_BYTES = 28;

/** What an entry is made from, besides the other relay's registration. */
export interface RemoteRelayOptions {
  readonly local: LocalRelay;
  readonly paths: LocalPathOptions;
  readonly clock: Clock;
  /** The relay's index in the data plane. */
  readonly relayIndex: number;
}

/**
 * Another relay: all that this one knows of it. What it registered, its incarnation, the keys
 * shared with it, the paths to it, whether it is alive, and its index in the data plane. An entry
 * of `RemoteRelays`, which changes it; it lives as long as the registry, or a leg, knows the relay.
 */
export class RemoteRelay {
  readonly id: string;
  readonly relayIndex: number;
  /** The highest one seen, in the registry or in an authentic message. */
  incarnation: Incarnation;
  /**
   * An incarnation of a clock that was ahead, after a lower one has taken its place: what was
   * recorded of it is not believed when that time has come.
   */
  incarnationDisowned = Number.NEGATIVE_INFINITY;
  /** Whether the registry has it; one that is not listed goes when nothing refers to it. */
  listed = true;
  /** Established connections that cross this trunk; the probes' pace follows it. */
  connections = 0;
  readonly paths: RelayPaths;
  readonly liveness: RelayLiveness;
  readonly #local: LocalRelay;
  readonly #clock: Clock;
  readonly #mtu = new DampedPathMtu();
  #record: RelayRecord;
  #keys: TrunkKeys;
  #sources: ReadonlySet<string>;
  #unreachable: UnreachableReason | undefined;
  #expectedUntil = Number.NEGATIVE_INFINITY;
  #reportedMtu: number | undefined;
  #unregisteredSourceAt = Number.NEGATIVE_INFINITY;
  /** Whether an unregistered port was reported since the relay could be reached. */
  #reportedUnregistered = false;

  /**
   * @param record - the other relay's registration
   * @throws TurnpikeError ERR_TURNPIKE_SECRET where its public key is none
   */
  constructor(record: RelayRecord, { local, paths, clock, relayIndex }: RemoteRelayOptions) {
    this.id = record.id;
    this.relayIndex = relayIndex;
    this.incarnation = incarnationOf(record);
    this.paths = new RelayPaths(paths);
    this.paths.update(record);
    this.liveness = new RelayLiveness(clock.monotonic());
    this.#local = local;
    this.#clock = clock;
    this.#record = record;
    this.#keys = new TrunkKeys(local, record);
    this.#sources = sourcesOf(record);
  }

  /** What it registered last. */
  get record(): RelayRecord {
    return this.#record;
  }

  /** Trunk control key for messages to this relay, 32 bytes. */
  get sendKey(): Uint8Array {
    return this.#keys.control.sendKey;
  }

  /** Trunk control key for messages from this relay, 32 bytes. */
  get receiveKey(): Uint8Array {
    return this.#keys.control.receiveKey;
  }

  /** The key that the relay authenticates data with on a day, 16 bytes. */
  receiveDataKey(epoch: number): Uint8Array {
    return this.#keys.receiveDataKey(epoch).key;
  }

  /** The path in use; undefined when no trunk address family is in common. */
  get path(): PathAddresses | undefined {
    return this.paths.inUse?.addresses;
  }

  /** Why no path serves, while none does. */
  get unreachable(): UnreachableReason | undefined {
    return this.#unreachable;
  }

  /** Median of the last round trips by the path in use, while that is measured. */
  get rttNs(): number | undefined {
    const main = this.paths.inUse?.main;
    return main?.standing === 'answered' ? main.rttNs : undefined;
  }

  /** The longest datagram that passes the path in use, in bytes of UDP payload, once measured. */
  get mtuBytes(): number | undefined {
    const mtu = this.paths.inUse?.mtu;
    return mtu?.measured ? mtu.bytes : undefined;
  }

  /**
   * The largest payload that is recommended to peers whose connection crosses the trunk to this
   * relay: known to pass in one datagram. Bytes, at most PAYLOAD_BYTES_RECOMMENDED.
   */
  get payloadBytesRecommended(): number {
    const mtuBytes = this.paths.mtuBytes === undefined ? undefined : this.#mtu.bytes;
    const fits = (mtuBytes ?? Number.POSITIVE_INFINITY) - SINGLE_RECORD_BYTES;
    return Math.min(PAYLOAD_BYTES_RECOMMENDED, fits);
  }

  /** How closely the relay is to be probed. */
  get interest(): Interest {
    if (this.connections > 0) return 'shared';
    return this.#clock.monotonic() < this.#expectedUntil ? 'expected' : 'none';
  }

  /** A peer wants to be connected with a peer of the relay: it is probed more closely. */
  expectConnection(): void {
    this.#expectedUntil = this.#clock.monotonic() + EXPECTED_MS;
  }

  /** Whether the registration lists the address as one the relay sends from. */
  sendsFrom(source: TransportAddress): boolean {
    return this.#sources.has(formatAddress(source));
  }

  /** Whether the relay sends from that IP, but has not registered the port. */
  isUnregisteredPort(source: TransportAddress): boolean {
    return sendsFromHost(this.#record, source.address) && !this.sendsFrom(source);
  }

  /** Whether the relay answers probes at a trunk address, or at any of that IP. */
  answersAt({ address, port }: { readonly address: string; readonly port?: number }): boolean {
    return this.paths.all.some(({ addresses: { destination }, main }) => {
      const isThere =
        destination.address === address && (port ?? destination.port) === destination.port;
      return isThere && main.isProven;
    });
  }

  /**
   * Takes a newer registration of the same relay; paths stay as they are until `paths.update`.
   * @returns whether anything is different
   */
  update(record: RelayRecord): boolean {
    if (JSON.stringify(record) === JSON.stringify(this.#record)) return false;
    if (record.publicKey !== this.#record.publicKey) {
      this.#keys = new TrunkKeys(this.#local, record);
    }
    this.#record = record;
    this.#sources = sourcesOf(record);
    return true;
  }

  /**
   * The data plane's view of this relay (PROTOCOL.md section 4).
   * @param now - Unix milliseconds
   * @returns undefined when there is no path, or nothing that the relay may send from
   */
  trunkPeer(now: UnixMs): TrunkPeer | undefined {
    const { trunkSources, recordsMax } = this.#record;
    if (this.path === undefined || trunkSources.length === 0) return undefined;
    return {
      sources: trunkSources,
      ...this.path,
      ...this.#keys.dataKeys(now, this.incarnation),
      recordsMax,
      ...this.paths.forPlane,
    };
  }

  /** Chooses anew which path, ports and size are in use. @returns what has changed */
  choosePath(now: number): PathEvent[] {
    const { paths } = this;
    const before = paths.inUse;
    const filteredBefore = paths.filteredLanes;
    const events: PathEvent[] = [];
    paths.choose(now);
    if (before && paths.inUse && before !== paths.inUse) {
      events.push({ type: 'path', from: before.key, to: paths.inUse.key });
    }
    const workers = paths.filteredLanes.filter((worker) => !filteredBefore.includes(worker));
    if (workers.length > 0) events.push({ type: 'lanes-closed', workers });
    const mtu = paths.inUse?.mtu;
    if (mtu?.measured && !mtu.isSearching && this.#reportedMtu !== mtu.bytes) {
      const isNarrow = mtu.bytes < TRUNK_MTU_DEFAULT_BYTES || this.#reportedMtu !== undefined;
      this.#reportedMtu = mtu.bytes;
      if (isNarrow) events.push({ type: 'mtu', bytes: mtu.bytes });
    }
    return [...events, ...this.checkReachability(now)];
  }

  /** Decides whether the relay can be reached, as time has passed. @returns what has changed */
  checkReachability(now: number): PathEvent[] {
    const { mtu } = this.paths.inUse ?? {};
    if (mtu) this.#mtu.take(mtu, now);
    const isUnlisted = now - this.#unregisteredSourceAt < UNREGISTERED_SOURCE_MS;
    const reason = unreachableReason(this.paths, { now, isUnlisted });
    const before = this.#unreachable;
    if (reason === before) return [];
    this.#unreachable = reason;
    if (!isFault(reason)) this.#reportedUnregistered = false;
    return isNews(before, reason) ? [{ type: 'reachability', reason, before }] : [];
  }

  /** Notes that something authentic came from a port that the relay has not registered. */
  noteUnregisteredSource(source: TransportAddress): PathEvent[] {
    this.#unregisteredSourceAt = this.#clock.monotonic();
    // Once, until it has been reached again: such a NAT takes another port each time.
    if (this.#reportedUnregistered) return [];
    this.#reportedUnregistered = true;
    return [{ type: 'unlisted-source', source }];
  }
}

/** Another reason for the same fault is no news. */
function isNews(before: UnreachableReason | undefined, now: UnreachableReason | undefined) {
  return isFault(before) !== isFault(now) || (before === undefined) !== (now === undefined);
}

function sourcesOf(record: RelayRecord): ReadonlySet<string> {
  return new Set(record.trunkSources.map(formatAddress));
}
