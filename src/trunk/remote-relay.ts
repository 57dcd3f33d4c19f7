import { formatAddress, type TransportAddress } from '../address.js';
import type { Clock, UnixMs } from '../clock.js';
import { TRUNK_MTU_DEFAULT_BYTES } from '../native/option-specs.js';
import type { RemoteRelayEntry } from '../native/types.js';
import { type Incarnation, incarnationOf } from '../registry/incarnation.js';
import { sendsFromHost } from '../registry/record.js';
import type { RelayRecord } from '../registry/types.js';
import { PAYLOAD_BYTES_RECOMMENDED } from '../stun/channel-data.js';
import { DampedPathMtu } from './damped-path-mtu.js';
import type { PathEvent } from './path-event.js';
import { type LocalPathOptions, type PathAddresses, RelayPaths } from './paths.js';
import type { Interest } from './probe-schedule.js';
import { isFault, type UnreachableReason, unreachableReason } from './reachability.js';
import { RelayLoss } from './relay-loss.js';
import type { TrunkKeys } from './trunk-key-rotation.js';
import type { TrunkQuality } from './trunk-quality.js';

/** Time of closer probing after a peer has asked for a connection with a relay, ms. */
const EXPECTED_MS = 5_000;
/** Time for which data from an unregistered port explains that a relay is unreachable, ms. */
const UNREGISTERED_SOURCE_MS = 30_000;
/** Length of a trunk datagram's header and one record header, bytes. */
const SINGLE_RECORD_BYTES = 28;

/** Dependencies of a `RemoteRelay`, besides its registration. */
export interface RemoteRelayOptions {
  /** The keys shared with it: those of its public key. */
  readonly keys: TrunkKeys;
  readonly paths: LocalPathOptions;
  readonly clock: Clock;
  /** The relay's index in the data plane. */
  readonly relayIndex: number;
}

/**
 * Everything known of another relay: registration, incarnation, shared keys, paths, liveness and
 * index in the data plane. `RemoteRelays` owns and updates it. It exists while the registry lists
 * the relay or a leg refers to it.
 */
export class RemoteRelay {
  readonly id: string;
  readonly relayIndex: number;
  /**
   * The present incarnation: the highest seen in the registry or in an authentic message, unless
   * that was of a clock that was ahead.
   */
  incarnation: Incarnation;
  /**
   * An incarnation of a clock that was ahead, after a lower one has replaced it. It stays rejected,
   * so that messages recorded from it are not accepted when its time has come.
   */
  incarnationDisowned = Number.NEGATIVE_INFINITY;
  /** Whether the registry lists it; an unlisted one is removed when nothing refers to it. */
  listed = true;
  /** Whether its paths are probed: not if it was only heard. */
  isProbed = true;
  /** When this relay last had a reason to talk to it, monotonic ms. */
  neededAt: number;
  /** Number of established connections over this trunk; it determines the probe interval. */
  connections = 0;
  /** What the probes of its trunk tell; undefined while they are not measured. */
  quality: TrunkQuality | undefined;
  readonly paths: RelayPaths;
  readonly liveness: RelayLoss;
  readonly #clock: Clock;
  readonly #mtu = new DampedPathMtu();
  #record: RelayRecord;
  #keys: TrunkKeys;
  #sources: ReadonlySet<string>;
  #unreachable: UnreachableReason | undefined;
  #expectedUntil = Number.NEGATIVE_INFINITY;
  #reportedMtu: number | undefined;
  #unregisteredSourceAt = Number.NEGATIVE_INFINITY;
  /** Whether an unregistered port was reported since the relay was last reachable. */
  #reportedUnregistered = false;

  /** @param record - the other relay's registration */
  constructor(record: RelayRecord, { keys, paths, clock, relayIndex }: RemoteRelayOptions) {
    this.id = record.id;
    this.relayIndex = relayIndex;
    this.incarnation = incarnationOf(record);
    this.paths = new RelayPaths(paths);
    this.paths.update(record);
    this.liveness = new RelayLoss(clock.monotonic());
    this.neededAt = clock.monotonic();
    this.#clock = clock;
    this.#record = record;
    this.#keys = keys;
    this.#sources = sourcesOf(record);
  }

  /** The latest registration. */
  get record(): RelayRecord {
    return this.#record;
  }

  /** The keys shared with this relay. */
  get keys(): TrunkKeys {
    return this.#keys;
  }

  /** Trunk control key for messages to this relay, 32 bytes. */
  get sendKey(): Uint8Array {
    return this.#keys.control.sendKey;
  }

  /** Trunk control key for messages from this relay, 32 bytes. */
  get receiveKey(): Uint8Array {
    return this.#keys.control.receiveKey;
  }

  /**
   * Returns the key that authenticates the relay's data of a day, 16 bytes.
   * @param epoch - whole days since 2026-01-01 UTC
   */
  receiveDataKey(epoch: number): Uint8Array {
    return this.#keys.receiveDataKey(epoch).key;
  }

  /** The path in use; undefined without a common trunk address family. */
  get path(): PathAddresses | undefined {
    return this.paths.inUse?.addresses;
  }

  /** Why no path serves; undefined if one does. */
  get unreachable(): UnreachableReason | undefined {
    return this.#unreachable;
  }

  /** Median round trip of the path in use, ns; undefined while it is not answered. */
  get rttNs(): number | undefined {
    const main = this.paths.inUse?.main;
    return main?.standing === 'answered' ? main.rttNs : undefined;
  }

  /** Measured MTU of the path in use, bytes of UDP payload; undefined before the measurement. */
  get mtuBytes(): number | undefined {
    const mtu = this.paths.inUse?.mtu;
    return mtu?.measured ? mtu.bytes : undefined;
  }

  /**
   * Largest payload recommended to peers whose connection crosses this trunk, bytes: it fits one
   * trunk datagram of the path. At most PAYLOAD_BYTES_RECOMMENDED.
   */
  get payloadBytesRecommended(): number {
    const mtuBytes = this.paths.mtuBytes === undefined ? undefined : this.#mtu.bytes;
    const fits = (mtuBytes ?? Number.POSITIVE_INFINITY) - SINGLE_RECORD_BYTES;
    return Math.min(PAYLOAD_BYTES_RECOMMENDED, fits);
  }

  /** How closely the relay is probed. */
  get interest(): Interest {
    if (this.connections > 0) return 'shared';
    return this.#clock.monotonic() < this.#expectedUntil ? 'expected' : 'none';
  }

  /** Notes that a peer has asked for a connection with a peer of the relay. */
  expectConnection(): void {
    this.#expectedUntil = this.#clock.monotonic() + EXPECTED_MS;
  }

  /** Returns whether the registration lists the address as a trunk source. */
  sendsFrom(source: TransportAddress): boolean {
    return this.#sources.has(formatAddress(source));
  }

  /**
   * Returns whether the address has an IP of the relay's trunk sources, but an unregistered port.
   */
  isUnregisteredPort(source: TransportAddress): boolean {
    return sendsFromHost(this.#record, source.address) && !this.sendsFrom(source);
  }

  /**
   * Returns whether the relay answers probes at a trunk address, or at any port of an IP address.
   */
  answersAt({ address, port }: { readonly address: string; readonly port?: number }): boolean {
    return this.paths.all.some(({ addresses: { destination }, main }) => {
      const isThere =
        destination.address === address && (port ?? destination.port) === destination.port;
      return isThere && main.isProven;
    });
  }

  /**
   * Takes a newer registration. The paths change only with `paths.update`.
   * @param keys - those of its public key
   * @returns whether it differs
   */
  update(record: RelayRecord, keys: TrunkKeys): boolean {
    if (record === this.#record) return false;
    if (JSON.stringify(record) === JSON.stringify(this.#record)) return false;
    this.#keys = keys;
    this.#record = record;
    this.#sources = sourcesOf(record);
    return true;
  }

  /**
   * Returns the data plane's view of this relay (PROTOCOL.md section 4).
   * @param now - Unix ms
   * @returns undefined without a path or without sources
   */
  dataPlaneEntry(now: UnixMs): RemoteRelayEntry | undefined {
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

  /**
   * Chooses path, source ports and MTU anew.
   * @param now - monotonic ms
   * @returns the changes
   */
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

  /**
   * Updates whether the relay is reachable.
   * @param now - monotonic ms
   * @returns the changes
   */
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

  /** Notes an authentic datagram from a port that the relay has not registered. */
  noteUnregisteredSource(source: TransportAddress): PathEvent[] {
    this.#unregisteredSourceAt = this.#clock.monotonic();
    // Reported once until the relay is reachable again: such a NAT uses a new port each time.
    if (this.#reportedUnregistered) return [];
    this.#reportedUnregistered = true;
    return [{ type: 'unlisted-source', source }];
  }
}

/**
 * Returns whether reachability changed in kind; another reason of the same fault is not reported.
 */
function isNews(before: UnreachableReason | undefined, now: UnreachableReason | undefined) {
  return isFault(before) !== isFault(now) || (before === undefined) !== (now === undefined);
}

function sourcesOf(record: RelayRecord): ReadonlySet<string> {
  return new Set(record.trunkSources.map(formatAddress));
}
