import { DEFAULT_COST_WEIGHTS } from '../../src/estimates/cost-weights.js';
import type { LegCandidates } from '../../src/estimates/leg-candidates.js';
import { LEG_CANDIDATES_MAX } from '../../src/estimates/leg-candidates.js';
import { RegionIndex } from '../../src/estimates/region-index.js';
import { emptyTrunkRow, type TrunkRow } from '../../src/estimates/trunk-row.js';
import { NO_DOUBTS } from '../../src/selection/doubts.js';
import { SeededRandom } from '../../src/selection/random.js';
import { SelectionState } from '../../src/selection/state.js';
import { SELECTION_WEIGHTS } from '../../src/selection/weights.js';

/** Sizes of a fleet. */
export interface FleetSize {
  readonly relays: number;
  readonly regions: number;
  readonly clusters: number;
}

/** Round trip per unit of distance on the square in which the regions lie, ms. */
const MS_PER_UNIT = 250;
const LEGS_MAX = 10_000;

interface Place {
  readonly x: number;
  readonly y: number;
}

/** The regions and clusters of a fleet on a square, with the estimates that follow from it. */
export class FleetPaths {
  readonly regions = new RegionIndex();
  readonly #places: readonly Place[];
  readonly #clusters: readonly Place[];
  readonly #rows: TrunkRow[] = [];
  readonly #candidates: LegCandidates[] = [];
  readonly #changedTrunks = new Set<number>();
  readonly #changedLegs = new Set<number>();
  readonly #random = new SeededRandom(2);

  constructor(size: FleetSize) {
    const place = () => ({ x: this.#random.next(), y: this.#random.next() });
    this.#places = Array.from({ length: size.regions }, place);
    this.#clusters = Array.from({ length: size.clusters }, place);
  }

  /** Has the estimates of a region's trunks, or a cluster's legs, read again. */
  change({ trunk, legs }: { trunk?: number; legs?: number }): void {
    if (trunk !== undefined) this.#changedTrunks.add(trunk);
    if (legs !== undefined) this.#changedLegs.add(legs);
  }

  /** Returns the cost of a leg or a trunk, ms. */
  static ms(a: Place | undefined, b: Place | undefined): number {
    const [{ x = 0, y = 0 } = {}, other = { x: 0, y: 0 }] = [a as Partial<Place> | undefined, b];
    return 0.5 + MS_PER_UNIT * Math.hypot(x - other.x, y - other.y);
  }

  place(region: number): Place | undefined {
    return this.#places[region];
  }

  readonly trunks = {
    takeChanged: () => take(this.#changedTrunks),
    row: (region: number): TrunkRow => {
      const known = this.#rows[region];
      if (known !== undefined) return { ...known };
      const row = emptyTrunkRow(this.#places.length);
      for (const [other, place] of this.#places.entries()) {
        row.costMs[other] = FleetPaths.ms(this.#places[region], place);
      }
      this.#rows[region] = row;
      return row;
    },
  };

  readonly legs = {
    takeChanged: () => take(this.#changedLegs),
    candidates: (cluster: number): LegCandidates => {
      const known = this.#candidates[cluster];
      if (known !== undefined) return { ...known };
      const at = this.#clusters[cluster];
      const best = this.#places
        .map((place, region) => ({ region, ms: 5 + FleetPaths.ms(at, place) }))
        .sort((a, b) => a.ms - b.ms)
        .slice(0, LEG_CANDIDATES_MAX);
      const ms = Float32Array.from(best, (each) => each.ms);
      const zeros = new Float32Array(best.length);
      const made = {
        regions: Uint16Array.from(best, ({ region }) => region),
        costMs: ms,
        rttMs: ms,
        sdMs: zeros.slice().fill(1),
        jitterMs: zeros,
        loss: zeros,
      };
      this.#candidates[cluster] = made;
      return made;
    },
  };
}

function take(changed: Set<number>): number[] {
  const taken = [...changed];
  changed.clear();
  return taken;
}

/** A fleet whose relays have reported, with all estimates and best rows in its snapshot. */
export interface Fleet {
  readonly size: FleetSize;
  readonly state: SelectionState;
  readonly paths: FleetPaths;
}

/** Makes a fleet of relays with different loads, spread evenly over the regions. */
export function fleetOf(size: FleetSize): Fleet {
  const paths = new FleetPaths(size);
  const { regions, trunks, legs } = paths;
  const weights = { weights: SELECTION_WEIGHTS, costWeights: DEFAULT_COST_WEIGHTS };
  const state = new SelectionState({ regions, trunks, legs, ...weights });
  for (let index = 0; index < size.relays; index += 1) {
    const id = `relay-${index}`;
    const address = `10.${index >> 16}.${(index >> 8) & 255}.${index & 255}`;
    const facts = {
      id,
      region: `region-${index % size.regions}`,
      provider: `provider-${index % 5}`,
      serviceAddresses: [{ address, port: 3478 }],
      trunkAddresses: [{ address, port: 3480 }],
    };
    const ready = { draining: false, confirmed: true, doubts: NO_DOUBTS };
    state.putRelay(facts, { ...ready, registrySequence: 1, recordSequence: 1 });
    const share = (index % 7) / 10;
    state.reportLoad(id, { legs: share * LEGS_MAX, legsMax: LEGS_MAX, cpu: share });
  }
  for (let region = 0; region < size.regions; region += 1) paths.change({ trunk: region });
  for (let cluster = 0; cluster < size.clusters; cluster += 1) paths.change({ legs: cluster });
  publishAll(state);
  return { size, state, paths };
}

/** Publishes until no best row is left to compute. */
function publishAll(state: SelectionState): void {
  for (let before = -1; before !== state.current.number; ) {
    before = state.current.number;
    state.publish(0);
  }
}
