/** Helpers of the tests of selection. */

import {
  type CostWeights,
  DEFAULT_COST_WEIGHTS,
  pathCostMs,
} from '../../src/estimates/cost-weights.js';
import type { LegCandidates } from '../../src/estimates/leg-candidates.js';
import { RegionIndex } from '../../src/estimates/region-index.js';
import { emptyTrunkRow, type TrunkRow } from '../../src/estimates/trunk-row.js';
import { NO_DOUBTS } from '../../src/selection/doubts.js';
import type { RelayFacts, RelayStatus, ReportedLoad } from '../../src/selection/relay-facts.js';
import type { PeerHints, SelectionRequest } from '../../src/selection/request.js';
import { select } from '../../src/selection/select.js';
import type { SelectionSnapshot } from '../../src/selection/snapshot.js';
import { type LegSource, SelectionState, type TrunkSource } from '../../src/selection/state.js';
import { SELECTION_WEIGHTS, type SelectionWeights } from '../../src/selection/weights.js';

/** Seeds of selections: enough that a property which holds for all is no coincidence. */
export const SEEDS = Array.from({ length: 40 }, (_, index) => index);

/** Weights without exploration, which few tests are about. */
export const NO_EXPLORING: SelectionWeights = { ...SELECTION_WEIGHTS, exploreShare: 0 };

export const IDLE: ReportedLoad = { legs: 0, legsMax: 1_000, cpu: 0 };

const READY: RelayStatus = {
  draining: false,
  confirmed: true,
  doubts: NO_DOUBTS,
  registrySequence: 1,
  recordSequence: 1,
};

/** A relay of a test: its facts, status and load. */
export interface TestRelay {
  readonly facts: RelayFacts;
  readonly status: RelayStatus;
  readonly load: ReportedLoad;
}

/** Makes a relay that selection may choose. Each `host` has its own addresses. */
export function relay(
  id: string,
  host: number,
  changes: Partial<RelayFacts & RelayStatus & { load: ReportedLoad }> = {},
): TestRelay {
  const address = `10.0.${host >> 8}.${host & 255}`;
  const { load = IDLE, ...others } = changes;
  const defaults = {
    ...READY,
    id,
    region: id.split('-')[0] ?? id,
    serviceAddresses: [{ address, port: 3478 }],
    trunkAddresses: [{ address, port: 3480 }],
  };
  const all = { ...defaults, ...others };
  const { draining, confirmed, doubts, registrySequence, recordSequence, ...facts } = all;
  const status = { draining, confirmed, doubts, registrySequence, recordSequence };
  return { facts, status, load };
}

/** Returns the IPv6 address of a host. */
export const v6 = (host: number, port: number) => [
  { address: `2001:db8::${host.toString(16)}`, port },
];

/** Returns the addresses of a relay that has only IPv6. */
export const v6Only = (host: number) => ({
  serviceAddresses: v6(host, 3478),
  trunkAddresses: v6(host, 3480),
});

/** Hints of a peer with these latencies to relays or regions, ms. */
export function latencies(entries: Record<string, number>): PeerHints {
  return { latencies: new Map(Object.entries(entries)) };
}

/** The estimates of a test: trunks by a function of regions, legs by cluster. */
export class TestPaths implements TrunkSource {
  readonly regions = new RegionIndex();
  readonly #legs: (LegCandidates | undefined)[] = [];
  readonly #changedTrunks = new Set<number>();
  readonly #changedLegs = new Set<number>();
  /** Cost of the trunk between two regions by name, ms. */
  trunkMs: (a: string, b: string) => number;

  constructor(trunkMs = (a: string, b: string): number => (a === b ? 0.5 : 20)) {
    this.trunkMs = trunkMs;
  }

  /** Has all trunks read again. */
  changeTrunks(): void {
    for (let region = 0; region < this.regions.extent; region += 1) {
      this.#changedTrunks.add(region);
    }
  }

  /** Sets the candidates of a cluster. @param legs - RTT by region, ms */
  setLegs(
    cluster: number,
    legs: Record<string, number>,
    quality: { sdMs?: number; jitterMs?: number; loss?: number } = {},
  ): void {
    const sorted = Object.entries(legs).sort(([, a], [, b]) => a - b);
    const ms = Float32Array.from(sorted, ([, each]) => each);
    const { sdMs = 0, jitterMs = 0, loss = 0 } = quality;
    const more = pathCostMs(DEFAULT_COST_WEIGHTS, 0, 0, jitterMs, loss);
    this.#legs[cluster] = {
      regions: Uint16Array.from(sorted, ([region]) => this.regions.numberOf(region) ?? 65_535),
      costMs: ms.map((each) => each + more),
      rttMs: ms,
      sdMs: new Float32Array(ms.length).fill(sdMs),
      jitterMs: new Float32Array(ms.length).fill(jitterMs),
      loss: new Float32Array(ms.length).fill(loss),
    };
    this.#changedLegs.add(cluster);
  }

  /** As `TrunkSource` for the state; legs are taken by `legSource`. */
  takeChanged(): readonly number[] {
    const changed = [...this.#changedTrunks];
    this.#changedTrunks.clear();
    return changed;
  }

  row(region: number): TrunkRow {
    const { extent } = this.regions;
    const row = emptyTrunkRow(extent);
    for (let other = 0; other < extent; other += 1) {
      const ms = this.trunkMs(this.regions.nameOf(region), this.regions.nameOf(other));
      row.costMs[other] = ms;
      row.rttMs[other] = ms;
    }
    return row;
  }

  candidates(cluster: number): LegCandidates {
    const legs = this.#legs[cluster];
    if (legs === undefined) throw new Error(`no cluster ${cluster}`);
    return legs;
  }

  /** The same as a source of legs. */
  get legSource(): LegSource {
    return {
      candidates: (cluster) => this.candidates(cluster),
      takeChanged: () => {
        const changed = [...this.#changedLegs];
        this.#changedLegs.clear();
        return changed;
      },
    };
  }
}

/** Makes a state with these relays, which have reported their load. */
export function stateOf(
  relays: readonly TestRelay[],
  paths = new TestPaths(),
  weights = NO_EXPLORING,
  costWeights: CostWeights = DEFAULT_COST_WEIGHTS,
): SelectionState {
  const { regions, legSource: legs } = paths;
  const state = new SelectionState({ regions, trunks: paths, legs, weights, costWeights });
  for (const { facts, status, load } of relays) {
    state.putRelay(facts, status);
    state.reportLoad(facts.id, load);
  }
  paths.changeTrunks();
  return state;
}

/** Returns the ids of the selected pair, or the reason why there is none. */
export function chosenBy(
  snapshot: SelectionSnapshot,
  request: SelectionRequest,
  seed: number,
): string {
  const selection = select(snapshot, request, seed);
  return selection.ok
    ? selection.relays.map(({ facts }) => facts.id).join()
    : selection.noRelay.reason;
}

/** The same of a state with these relays. */
export function chosen(
  relays: readonly TestRelay[],
  peers: readonly [PeerHints, PeerHints] = [{}, {}],
  seed = 1,
): string {
  return chosenBy(stateOf(relays).publish(0), { peers }, seed);
}
