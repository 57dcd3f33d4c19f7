import type { Clock } from '../clock.js';
import type { ClusterDescription } from '../estimates/access-clusters.js';
import type { AccessLegs } from '../estimates/access-legs.js';
import type { RegionIndex } from '../estimates/region-index.js';
import type { TrunkEstimates } from '../estimates/trunk-estimates.js';
import type { RelayFacts, RelayStatus, ReportedLoad } from '../selection/relay-facts.js';
import type { PeerHints, PeerRequest } from '../selection/request.js';
import type { SelectionSnapshot } from '../selection/snapshot.js';
import { SelectionState } from '../selection/state.js';
import type { SelectionWeights } from '../selection/weights.js';
import type { SelectionPolicy } from './selection-policy.js';
import type { LiveRelay, Snapshots } from './snapshot.js';

/** Interval at which assigned legs and new estimates enter the next snapshot, ms. */
export const PUBLISH_MS = 50;

/** Relays per ms that lie between two snapshots because of relays' changes. */
const RELAYS_PER_MS = 100;

/** What selects relays among the live ones. */
export interface LiveSelectionOptions {
  readonly clock: Clock;
  readonly snapshots: Snapshots;
  readonly estimates: {
    readonly regions: RegionIndex;
    readonly trunks: TrunkEstimates;
    readonly legs: AccessLegs;
  };
  readonly policy: SelectionPolicy;
}

/** What a relay's row was made of when selection took it. */
interface Taken {
  readonly row: LiveRelay;
  readonly facts: RelayFacts;
}

/**
 * Keeps the snapshots that selection reads in step with the live relays. Changes of relays are
 * published when something is selected, assigned legs and estimates every `PUBLISH_MS`. Only the
 * directory's event loop calls it.
 */
export class LiveSelection {
  readonly #options: LiveSelectionOptions;
  readonly #state: SelectionState;
  readonly #taken = new Map<string, Taken>();
  #publishedAtMs = Number.NEGATIVE_INFINITY;

  constructor(options: LiveSelectionOptions) {
    const { snapshots, policy } = options;
    const { regions, trunks, legs } = options.estimates;
    const { weights, costWeights } = policy;
    this.#options = options;
    this.#state = new SelectionState({ regions, trunks, legs, weights, costWeights });
    trunks.useWeights(costWeights);
    legs.useWeights(costWeights);
    snapshots.onRow((id, row) => this.#take(id, row));
  }

  /** Takes what has changed in the policy. */
  renewPolicy(): void {
    const { policy, estimates } = this.#options;
    this.#state.useWeights(policy.weights, policy.costWeights);
    estimates.trunks.useWeights(policy.costWeights);
    estimates.legs.useWeights(policy.costWeights);
    for (const [id, { row, facts }] of this.#taken) {
      const price = policy.priceOf(facts.provider);
      if (price === facts.price) continue;
      const priced = { ...facts, price };
      this.#taken.set(id, { row, facts: priced });
      this.#state.putRelay(priced, statusOf(row));
    }
  }

  /** Publishes what has changed. To be called every `PUBLISH_MS`. */
  publish(): SelectionSnapshot {
    const now = this.#options.clock.monotonic();
    this.#options.snapshots.update();
    this.#publishedAtMs = now;
    return this.#state.publish(now);
  }

  /**
   * Returns the snapshot to select by for peers. A change of a relay is in it, unless one of many
   * relays has just been published, and so are the legs of a cluster that is met for the first
   * time.
   */
  snapshotFor(peers: readonly PeerRequest[]): SelectionSnapshot {
    this.#options.snapshots.update();
    const state = this.#state;
    const sinceMs = this.#options.clock.monotonic() - this.#publishedAtMs;
    const isDue = sinceMs >= Math.floor(state.size / RELAYS_PER_MS);
    if (state.hasNews && isDue) this.publish();
    for (const { cluster } of peers) if (cluster !== undefined) state.needLegs(cluster);
    return state.current;
  }

  /** Returns a snapshot by which something was selected, while it is kept. */
  snapshotOf(number: number): SelectionSnapshot | undefined {
    return this.#state.snapshotOf(number);
  }

  /** The weights of selection. */
  get weights(): SelectionWeights {
    return this.#options.policy.weights;
  }

  /** Describes an access network by the number of its cluster. */
  networkOf(cluster: number): ClusterDescription {
    return this.#options.estimates.legs.describe(cluster);
  }

  /** Returns a peer's request for selection. */
  requestOf(hints: PeerHints): PeerRequest {
    const address = hints.address ?? hints.source;
    if (address === undefined) return hints;
    return { ...hints, cluster: this.#options.estimates.legs.clusterOf(address) };
  }

  /** Counts legs as relays' until their reports show them, and keeps the snapshot. */
  assign(ids: readonly string[]): void {
    const now = this.#options.clock.monotonic();
    for (const id of ids) this.#state.assign(id, now);
    this.#state.keep();
  }

  /** Keeps the newest snapshot for `snapshotOf`: something was selected by it. */
  keep(): void {
    this.#state.keep();
  }

  /**
   * Takes a relay's report of its load.
   * @param after - the newest sequence number that the relay knew when it made the report
   * @returns the sequence number for the answer
   */
  reported(id: string, load: ReportedLoad, after?: number): number {
    this.#options.snapshots.update();
    return this.#state.reportLoad(id, load, after);
  }

  /** Takes a changed row, without the load, which `reported` takes. */
  #take(id: string, row: LiveRelay | undefined): void {
    const former = this.#taken.get(id);
    if (row === undefined) {
      this.#taken.delete(id);
      this.#state.removeRelay(id);
      return;
    }
    if (former !== undefined && isSame(former.row, row)) return;
    const isSameFacts = former?.row.record === row.record && former.row.site === row.site;
    const facts = isSameFacts ? former.facts : this.#factsOf(row);
    this.#taken.set(id, { row, facts });
    this.#state.putRelay(facts, statusOf(row));
  }

  #factsOf({ record, site }: LiveRelay): RelayFacts {
    const { provider, location } = site ?? {};
    const { id, region, serviceAddresses, trunkAddresses } = record;
    const price = this.#options.policy.priceOf(provider);
    return { id, region, provider, location, serviceAddresses, trunkAddresses, price };
  }
}

function isSame(a: LiveRelay, b: LiveRelay): boolean {
  return (
    a.record === b.record &&
    a.site === b.site &&
    a.draining === b.draining &&
    a.confirmed === b.confirmed &&
    a.registrySequence === b.registrySequence &&
    a.recordSequence === b.recordSequence &&
    a.doubts === b.doubts
  );
}

function statusOf(row: LiveRelay): RelayStatus {
  const { draining, confirmed, doubts, registrySequence, recordSequence } = row;
  return { draining, confirmed, doubts, registrySequence, recordSequence };
}
