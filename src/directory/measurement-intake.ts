import type { Clock } from '../clock.js';
import { AccessLegs } from '../estimates/access-legs.js';
import { DEFAULT_COST_WEIGHTS } from '../estimates/cost-weights.js';
import type { Location } from '../estimates/geography.js';
import { RegionIndex } from '../estimates/region-index.js';
import { TrunkEstimates } from '../estimates/trunk-estimates.js';
import { decodeMeasurements, type MeasurementKind } from '../registry/measurements.js';
import type { LegMeasurement, TrunkMeasurement } from '../registry/types.js';

/** What becomes of a measurement. */
type MeasurementResult = 'taken' | 'malformed' | 'excess' | 'unknown-relay' | 'no-region';

/** Labels of a count, and the count. */
type Count = [{ readonly kind: MeasurementKind; readonly result: MeasurementResult }, number];

interface Placed {
  readonly region: string;
  readonly location: Location | undefined;
  /** Undefined beyond the maximum of regions. */
  readonly number: number | undefined;
}

/**
 * Feeds the estimates with what relays measure. A relay speaks of its own trunks and of the legs to
 * its own region only. A measurement that cannot be used is counted and ignored.
 */
export class MeasurementIntake {
  readonly regions = new RegionIndex();
  readonly trunks = new TrunkEstimates(this.regions, DEFAULT_COST_WEIGHTS);
  readonly legs: AccessLegs;
  readonly #clock: Clock;
  readonly #relays = new Map<string, Placed>();
  readonly #counts = new Map<string, Count>();

  constructor(clock: Clock) {
    this.#clock = clock;
    const { regions, trunks } = this;
    this.legs = new AccessLegs({ regions, trunks, weights: DEFAULT_COST_WEIGHTS });
  }

  /** How many measurements there were, by kind and result. */
  get counts(): Iterable<Readonly<Count>> {
    return this.#counts.values();
  }

  /** Takes the region and the location of a relay that registers. */
  place(id: string, region: string, location: Location | undefined): void {
    const former = this.#relays.get(id);
    if (former?.region === region && former.location?.join() === location?.join()) return;
    this.forget(id);
    this.#relays.set(id, { region, location, number: this.regions.add(region, location) });
  }

  /** Forgets a relay that is live no more. Its measurements lose weight with time. */
  forget(id: string): void {
    const placed = this.#relays.get(id);
    if (placed === undefined) return;
    this.#relays.delete(id);
    if (placed.number !== undefined) this.regions.remove(placed.region, placed.location);
  }

  /**
   * Takes the measurements of a live relay's beat.
   * @param value - the member of the beat, unchecked
   */
  report(id: string, value: unknown): void {
    const { trunk, legs, malformed, excess } = decodeMeasurements(value);
    for (const kind of ['trunk', 'leg'] as const) {
      this.#count(kind, 'malformed', malformed[kind]);
      this.#count(kind, 'excess', excess[kind]);
    }
    const now = this.#clock.monotonic();
    for (const each of trunk) this.#count('trunk', this.#takeTrunk(id, each, now), 1);
    for (const each of legs) this.#count('leg', this.#takeLeg(id, each, now), 1);
  }

  #count(kind: MeasurementKind, result: MeasurementResult, add: number): void {
    if (add === 0) return;
    const count = this.#counts.get(`${kind} ${result}`) ?? [{ kind, result }, 0];
    count[1] += add;
    this.#counts.set(`${kind} ${result}`, count);
  }

  #takeTrunk(id: string, each: TrunkMeasurement, nowMs: number): MeasurementResult {
    const from = this.#relays.get(id);
    const to = this.#relays.get(each.relay);
    if (from === undefined || to === undefined || each.relay === id) return 'unknown-relay';
    if (from.number === undefined || to.number === undefined) return 'no-region';
    const { rtt, jitter, loss, count } = each;
    const [forward, back] = loss;
    const sample = {
      from: from.number,
      to: to.number,
      reporter: id,
      rttMs: rtt,
      jitterMs: jitter,
      lossForward: forward ?? undefined,
      lossBack: back ?? undefined,
      count,
    };
    return this.trunks.report(sample, nowMs) ? 'taken' : 'malformed';
  }

  #takeLeg(id: string, each: LegMeasurement, nowMs: number): MeasurementResult {
    const from = this.#relays.get(id);
    if (from === undefined) return 'unknown-relay';
    if (from.number === undefined) return 'no-region';
    const { network, rtt, sd, jitter, loss, count } = each;
    const values = { rttMs: rtt, sdMs: sd, jitterMs: jitter, loss, count };
    const sample = { network, region: from.number, reporter: id, ...values };
    return this.legs.report(sample, nowMs) ? 'taken' : 'malformed';
  }
}
