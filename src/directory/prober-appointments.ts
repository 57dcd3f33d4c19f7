import { rendezvousWeight } from '../registry/rendezvous-weight.js';
import type { MeasuringRole } from '../registry/types.js';
import type { LiveRelay } from './snapshot.js';

/** What tells whether a relay can measure. */
type Candidate = Pick<LiveRelay, 'draining' | 'confirmed'> & {
  readonly record: Pick<LiveRelay['record'], 'id' | 'region'>;
  readonly doubts: Pick<LiveRelay['doubts'], 'trunk'>;
};

/** Returns whether a relay can measure trunks, from what is known of it. */
interface ProberRules {
  /** Whether it reads appointments and reports measurements. */
  readonly measures: (id: string) => boolean;
  /** Whether it reaches hardly any other relay. */
  readonly isCutOff: (id: string) => boolean;
}

/** Tells which relays are cut off. */
type CutOffs = Pick<ProberRules, 'isCutOff'>;

/**
 * Chooses a prober and a standby of each region by rendezvous hashing: of the relays that measure,
 * may be chosen and can be reached. A relay that may not be given to peers is not appointed.
 * @param relays - all live relays
 * @param weightOf - `rendezvousWeight`, or what remembers its results
 * @returns the role of each appointed relay, by id
 */
export function appointProbers(
  relays: Iterable<Candidate>,
  { measures, isCutOff }: ProberRules,
  weightOf: (region: string, id: string) => number = rendezvousWeight,
): Map<string, MeasuringRole> {
  const byRegion = new Map<string, { id: string; weight: number }[]>();
  for (const { record, draining, confirmed, doubts } of relays) {
    const { id, region } = record;
    if (draining || !confirmed || doubts.trunk === 'unreachable') continue;
    if (!measures(id) || isCutOff(id)) continue;
    const first = byRegion.get(region) ?? [];
    byRegion.set(region, first);
    first.push({ id, weight: weightOf(region, id) });
    // Ids differ, so the order is total even where two weights are equal.
    first.sort((a, b) => a.weight - b.weight || (a.id < b.id ? -1 : 1));
    first.length = Math.min(first.length, ROLES.length);
  }
  const roles = new Map<string, MeasuringRole>();
  for (const first of byRegion.values()) {
    for (const [place, { id }] of first.entries()) roles.set(id, ROLES[place] ?? 'none');
  }
  return roles;
}

const ROLES: readonly MeasuringRole[] = ['prober', 'standby'];

/**
 * The relays that measure the trunks to all other regions: one prober and one standby of each
 * region (docs/registration.md). Only the directory's event loop calls it.
 *
 * Bound: the live relays.
 */
export class ProberAppointments {
  readonly #reachability: CutOffs;
  /** Relays whose beats have measurements. */
  readonly #measuring = new Set<string>();
  /** Weight of each measuring relay in its region. */
  readonly #weights = new Map<string, { readonly region: string; readonly weight: number }>();
  #roles: ReadonlyMap<string, MeasuringRole> = new Map();

  constructor(reachability: CutOffs) {
    this.#reachability = reachability;
  }

  /** Notes whether a relay's beat had measurements. */
  heard(id: string, measures: boolean): void {
    if (measures) this.#measuring.add(id);
    else this.#measuring.delete(id);
  }

  /** Forgets a relay that is gone. */
  forget(id: string): void {
    this.#measuring.delete(id);
    this.#weights.delete(id);
  }

  /** Returns what a relay measures. */
  roleOf(id: string): MeasuringRole {
    return this.#roles.get(id) ?? 'none';
  }

  /** Adapts the appointments. To be called a few times a second. @param relays - all live ones */
  turn(relays: readonly LiveRelay[]): void {
    const measures = (id: string) => this.#measuring.has(id);
    const isCutOff = (id: string) => this.#reachability.isCutOff(id);
    const weightOf = (region: string, id: string) => this.#weightOf(region, id);
    this.#roles = appointProbers(relays, { measures, isCutOff }, weightOf);
  }

  /** Returns the weight of a relay, hashed once. */
  #weightOf(region: string, id: string): number {
    const known = this.#weights.get(id);
    if (known?.region === region) return known.weight;
    const weight = rendezvousWeight(region, id);
    this.#weights.set(id, { region, weight });
    return weight;
  }
}
