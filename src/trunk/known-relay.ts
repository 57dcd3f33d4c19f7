import type { TransportAddress } from '../address.js';
import type { Clock } from '../clock.js';
import { LIMITS } from '../limits.js';
import { Liveness } from './liveness.js';
import type { Interest } from './probe-plan.js';
import type { Probed } from './prober.js';
import { isFault, type UnreachableReason, unreachableReason } from './reachability.js';
import type { RemoteRelay } from './remote-relay.js';
import { SteadySize } from './steady-size.js';
import type { TrunkNews } from './trunk-options.js';
import { type LocalWays, RelayWays } from './ways.js';

/** How long a relay that a peer wants to be connected with is probed more closely. */
const EXPECTED_MS = 5_000;
/** How long data from a port that is not registered explains that a relay is out of reach. */
const UNLISTED_MS = 30_000;
/** A trunk datagram's header and the header of its record. */
const SINGLE_RECORD_BYTES = 28;

/** A relay that the registry or a leg knows, and what has been found out about it. */
export class KnownRelay implements Probed {
  readonly remote: RemoteRelay;
  readonly ways: RelayWays;
  readonly liveness: Liveness;
  /** Whether the registry has it; one that is not listed goes when nothing refers to it. */
  listed = true;
  /** Whether it was held gone, and has not answered since. */
  silent = false;
  /** What the data plane was told of the ways. */
  told = '';
  readonly #clock: Clock;
  readonly #size = new SteadySize();
  #expectedUntil = Number.NEGATIVE_INFINITY;
  #saidMtu: number | undefined;
  #unlistedAt = Number.NEGATIVE_INFINITY;
  /** Whether an unlisted port was spoken of since it could be reached. */
  #saidUnlisted = false;

  constructor(remote: RemoteRelay, local: LocalWays, clock: Clock) {
    this.remote = remote;
    this.#clock = clock;
    this.ways = new RelayWays(local);
    this.ways.update(remote.record);
    this.liveness = new Liveness(clock.monotonic());
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
    const mtuBytes = this.ways.mtuBytes === undefined ? undefined : this.#size.bytes;
    return Math.min(most, (mtuBytes ?? Number.POSITIVE_INFINITY) - SINGLE_RECORD_BYTES);
  }

  /** Decides anew which ways, ports and sizes are in use. @returns what is to be told of it */
  judge(now: number): TrunkNews[] {
    const { ways, remote } = this;
    const before = ways.inUse;
    const filteredBefore = ways.filteredLanes;
    const news: TrunkNews[] = [];
    ways.judge(now);
    remote.path = ways.inUse?.path;
    if (before && ways.inUse && before !== ways.inUse) {
      news.push({ type: 'way', from: before.key, to: ways.inUse.key });
    }
    const workers = ways.filteredLanes.filter((worker) => !filteredBefore.includes(worker));
    if (workers.length > 0) news.push({ type: 'lanes-closed', workers });
    const mtu = ways.inUse?.mtu;
    if (mtu?.measured && !mtu.isSearching && this.#saidMtu !== mtu.bytes) {
      const isNarrow = mtu.bytes < LIMITS.trunkMtuBytes || this.#saidMtu !== undefined;
      this.#saidMtu = mtu.bytes;
      if (isNarrow) news.push({ type: 'mtu', bytes: mtu.bytes });
    }
    return [...news, ...this.reach(now)];
  }

  /** Looks whether the relay can be reached, and what can be sent at once, as time has passed. */
  reach(now: number): TrunkNews[] {
    const { remote, ways } = this;
    const { mtu } = ways.inUse ?? {};
    if (mtu) this.#size.take(mtu, now);
    const isUnlisted = now - this.#unlistedAt < UNLISTED_MS;
    const reason = unreachableReason(ways, { now, isUnlisted });
    const before = remote.unreachable;
    if (reason === before) return [];
    remote.unreachable = reason;
    if (!isFault(reason)) this.#saidUnlisted = false;
    return isNews(before, reason) ? [{ type: 'reachability', reason, before }] : [];
  }

  /** Something genuine came from a port that the relay has not registered. */
  unlisted(source: TransportAddress): TrunkNews[] {
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
