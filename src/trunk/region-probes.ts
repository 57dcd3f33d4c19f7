import { rendezvousWeight } from '../registry/rendezvous-weight.js';
import type { MeasuringRole, RelayRecord } from '../registry/types.js';
import { isFault } from './reachability.js';
import type { RemoteRelay } from './remote-relay.js';

/** Interval of a prober's probes to one other region. */
export const PROBE_REGION_INTERVAL_MS = 1_000;
/** The same of a standby. */
export const PROBE_REGION_STANDBY_INTERVAL_MS = 10_000;
/** Probes to other regions in all. */
export const PROBES_REGIONS_PER_SECOND = 1_000;
/** Burst of those, as a share of a second's probes. */
const BURST_SECONDS = 0.25;

/** Intervals between two choices of the relays to measure: at least, and without a change. */
const CHOICE_MS_MIN = 1_000;
const CHOICE_MS_MAX = 5_000;

/** A listed relay, and what is known of the paths to it if there are any. */
export interface MeasurableRelay {
  readonly record: Pick<RelayRecord, 'id' | 'region'>;
  readonly remote: RemoteRelay | undefined;
}

/** Dependencies of `RegionProbes`. */
export interface RegionProbesOptions {
  /** This relay's region. */
  readonly region: string;
  /** Iterates over all listed other relays. */
  readonly relays: () => Iterable<MeasurableRelay>;
  /** Returns a relay with paths that are probed; undefined if there is no room for it. */
  readonly need: (id: string) => RemoteRelay | undefined;
  /** Sends a probe on the path in use to a relay. */
  readonly ask: (remote: RemoteRelay, now: number) => void;
}

/**
 * Probes one relay of every other region, as the directory appoints this relay (PROTOCOL.md section
 * 4, Rates). Which one follows from the registry by rendezvous hashing. The probes are spread
 * evenly over the interval.
 *
 * Bound: `PROBES_REGIONS_PER_SECOND`; with more regions each is probed less often.
 */
export class RegionProbes {
  readonly #options: RegionProbesOptions;
  #role: MeasuringRole = 'none';
  /** The relays to measure, the least recently asked first. */
  #targets = new Set<RemoteRelay>();
  #isOutdated = true;
  #chosenAt = Number.NEGATIVE_INFINITY;
  #tokens = 0;
  #filledAt: number | undefined;

  constructor(options: RegionProbesOptions) {
    this.#options = options;
  }

  /** What this relay is appointed to measure. */
  get role(): MeasuringRole {
    return this.#role;
  }

  /** Number of other regions that are measured. */
  get size(): number {
    return this.#targets.size;
  }

  /** Iterates over the relays to measure. */
  targets(): Iterable<RemoteRelay> {
    return this.#targets;
  }

  /** Takes an appointment. @returns whether it is another one */
  appoint(role: MeasuringRole): boolean {
    if (role === this.#role) return false;
    this.#role = role;
    this.#isOutdated = true;
    return true;
  }

  /** Notes that the registry has changed. */
  changed(): void {
    this.#isOutdated = true;
  }

  /** Returns whether a relay is one of those to measure. */
  has(remote: RemoteRelay): boolean {
    return this.#targets.has(remote);
  }

  /** Sends the probes that are due. @param now - monotonic ms */
  tick(now: number): void {
    const passed = now - this.#chosenAt;
    if (passed >= (this.#isOutdated ? CHOICE_MS_MIN : CHOICE_MS_MAX)) this.#choose(now);
    const intervalMs =
      this.#role === 'prober' ? PROBE_REGION_INTERVAL_MS : PROBE_REGION_STANDBY_INTERVAL_MS;
    this.#fill(now, intervalMs);
    while (this.#tokens >= 1) {
      const [first] = this.#targets;
      if (first === undefined) return;
      this.#tokens -= 1;
      // To the end.
      this.#targets.delete(first);
      this.#targets.add(first);
      // Probes that are sent anyway measure as well.
      const askedAt = first.paths.inUse?.main.askedAt ?? now;
      if (now - askedAt >= intervalMs / 2) this.#options.ask(first, now);
    }
  }

  /** Earns probes at the rate that serves each region once in the interval. */
  #fill(now: number, intervalMs: number): void {
    const perSecond = Math.min((this.size * 1_000) / intervalMs, PROBES_REGIONS_PER_SECOND);
    const seconds = (now - (this.#filledAt ?? now)) / 1_000;
    this.#filledAt = now;
    const most = Math.max(1, perSecond * BURST_SECONDS);
    this.#tokens = Math.min(this.#tokens + seconds * perSecond, most);
  }

  /** Chooses the relay of each other region; those that stay keep their place. */
  #choose(now: number): void {
    this.#chosenAt = now;
    this.#isOutdated = false;
    const chosen = this.#role === 'none' ? new Set<RemoteRelay>() : this.#best();
    for (const each of this.#targets) if (!chosen.has(each)) this.#targets.delete(each);
    for (const each of chosen) this.#targets.add(each);
  }

  /** Returns one relay of each other region: of those that can be reached the first by weight. */
  #best(): Set<RemoteRelay> {
    const { region: own, relays, need } = this.#options;
    const best = new Map<string, { id: string; rank: number }>();
    for (const { record, remote } of relays()) {
      const { id, region } = record;
      if (region === own || (remote !== undefined && remote.path === undefined)) continue;
      const isBehind = isFault(remote?.unreachable) ? 2 ** 32 : 0;
      const rank = isBehind + rendezvousWeight(own, id);
      const known = best.get(region);
      if (known === undefined || rank < known.rank) best.set(region, { id, rank });
    }
    const remotes = Array.from(best.values(), ({ id }) => need(id));
    return new Set(remotes.filter((remote) => remote?.path !== undefined) as RemoteRelay[]);
  }
}
