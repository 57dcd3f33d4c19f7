import type { TransportAddress } from '../address.js';
import type { Clock } from '../clock.js';
import { LIMITS } from '../limits.js';
import { DampedPathMtu } from './damped-path-mtu.js';
import { type LocalPathOptions, RelayPaths } from './paths.js';
import type { Interest } from './probe-schedule.js';
import type { Probed } from './prober.js';
import { isFault, type UnreachableReason, unreachableReason } from './reachability.js';
import { RelayLiveness } from './relay-liveness.js';
import type { RemoteRelay } from './remote-relay.js';
import type { PathEvent } from './trunk-options.js';

/** How long a relay that a peer wants to be connected with is probed more closely. */
const EXPECTED_MS = 5_000;
/** How long data from a port that is not registered explains that a relay is out of reach. */
const UNLISTED_MS = 30_000;
/** A trunk datagram's header and the header of its record. */
const SINGLE_RECORD_BYTES = 28;

/** A relay that the registry or a leg knows, and what has been found out about it. */
export class KnownRelay implements Probed {
  readonly remote: RemoteRelay;
  readonly paths: RelayPaths;
  readonly liveness: RelayLiveness;
  /** Whether the registry has it; one that is not listed goes when nothing refers to it. */
  listed = true;
  /** Whether it was held gone, and has not answered since. */
  silent = false;
  /** What the data plane was told of the paths. */
  told = '';
  readonly #clock: Clock;
  readonly #size = new DampedPathMtu();
  #expectedUntil = Number.NEGATIVE_INFINITY;
  #saidMtu: number | undefined;
  #unlistedAt = Number.NEGATIVE_INFINITY;
  /** Whether an unlisted port was spoken of since it could be reached. */
  #saidUnlisted = false;

  constructor(remote: RemoteRelay, local: LocalPathOptions, clock: Clock) {
    this.remote = remote;
    this.#clock = clock;
    this.paths = new RelayPaths(local);
    this.paths.update(remote.record);
    this.liveness = new RelayLiveness(clock.monotonic());
  }

  get relayIndex(): number {
    return this.remote.relayIndex;
  }

  get interest(): Interest {
    if (this.remote.connections > 0) return 'shared';
    return this.#clock.monotonic() < this.#expectedUntil ? 'expected' : 'none';
  }

  /** A peer wants to be connected with a peer of the relay. */
  expect(): void {
    this.#expectedUntil = this.#clock.monotonic() + EXPECTED_MS;
  }

  /** The largest payload that is known to pass in one datagram, in bytes. */
  get payloadBytes(): number {
    const most = LIMITS.payloadBytesRecommended;
    const mtuBytes = this.paths.mtuBytes === undefined ? undefined : this.#size.bytes;
    return Math.min(most, (mtuBytes ?? Number.POSITIVE_INFINITY) - SINGLE_RECORD_BYTES);
  }

  /** Decides anew which paths, ports and sizes are in use. @returns what is to be told of it */
  judge(now: number): PathEvent[] {
    const { paths, remote } = this;
    const before = paths.inUse;
    const filteredBefore = paths.filteredLanes;
    const news: PathEvent[] = [];
    paths.judge(now);
    remote.path = paths.inUse?.addresses;
    if (before && paths.inUse && before !== paths.inUse) {
      news.push({ type: 'path', from: before.key, to: paths.inUse.key });
    }
    const workers = paths.filteredLanes.filter((worker) => !filteredBefore.includes(worker));
    if (workers.length > 0) news.push({ type: 'lanes-closed', workers });
    const mtu = paths.inUse?.mtu;
    if (mtu?.measured && !mtu.isSearching && this.#saidMtu !== mtu.bytes) {
      const isNarrow = mtu.bytes < LIMITS.trunkMtuBytes || this.#saidMtu !== undefined;
      this.#saidMtu = mtu.bytes;
      if (isNarrow) news.push({ type: 'mtu', bytes: mtu.bytes });
    }
    return [...news, ...this.reach(now)];
  }

  /** Looks whether the relay can be reached, and what can be sent at once, as time has passed. */
  reach(now: number): PathEvent[] {
    const { remote, paths } = this;
    const { mtu } = paths.inUse ?? {};
    if (mtu) this.#size.take(mtu, now);
    const isUnlisted = now - this.#unlistedAt < UNLISTED_MS;
    const reason = unreachableReason(paths, { now, isUnlisted });
    const before = remote.unreachable;
    if (reason === before) return [];
    remote.unreachable = reason;
    if (!isFault(reason)) this.#saidUnlisted = false;
    return isNews(before, reason) ? [{ type: 'reachability', reason, before }] : [];
  }

  /** Something genuine came from a port that the relay has not registered. */
  unlisted(source: TransportAddress): PathEvent[] {
    this.#unlistedAt = this.#clock.monotonic();
    // Once, until it has been reached again: such a NAT takes another port each time.
    if (this.#saidUnlisted) return [];
    this.#saidUnlisted = true;
    return [{ type: 'unlisted-source', source }];
  }
}

/** Another reason for the same fault is no news. */
function isNews(before: UnreachableReason | undefined, now: UnreachableReason | undefined) {
  return isFault(before) !== isFault(now) || (before === undefined) !== (now === undefined);
}
