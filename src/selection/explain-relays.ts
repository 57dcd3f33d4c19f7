import type { Side } from './draw.js';
import { allowsRegion, type Exception, fitOf, type Wish } from './fitness.js';
import { rounded } from './path-terms.js';
import type { RelayRow } from './relay-facts.js';
import type { SelectionSnapshot } from './snapshot.js';

/** Maximum ids for one reason in an explanation. */
const IDS_MAX = 10;

/** Why a relay is not given to a peer at all. */
export type Exclusion = 'unconfirmed' | 'draining' | 'otherProvider' | 'barredRegion' | 'noFamily';

/** Relays by reason. */
export interface RelaysByReason {
  readonly reason: Exclusion | Exception;
  readonly count: number;
  /** Some of their ids. */
  readonly ids: readonly string[];
}

/** A relay of a region, as it was drawn from. */
export interface ExplainedRelay {
  readonly id: string;
  readonly provider?: string;
  /** Projected share of its capacity in use. */
  readonly share: number;
  /** Cost of its load, and of its price, ms. */
  readonly loadMs: number;
  readonly priceMs: number;
  /** Number of further legs that it has room for. */
  readonly freeLegs: number;
  /** Chance to be drawn in its region, in proportion: free capacity, legs. */
  readonly weight: number;
  readonly exceptions: readonly Exception[];
}

/** Returns the relays that a peer does not get, or gets only if no other can serve, by reason. */
export function relaysByReason(snapshot: SelectionSnapshot, wish: Wish): RelaysByReason[] {
  const found = new Map<Exclusion | Exception, string[]>();
  const add = (reason: Exclusion | Exception, { facts }: RelayRow) => {
    const ids = found.get(reason) ?? [];
    ids.push(facts.id);
    found.set(reason, ids);
  };
  for (const row of snapshot.relays) {
    if (row === undefined) continue;
    const fit = fitOf(snapshot, row, wish);
    if (fit === undefined) add(exclusionOf(row, wish), row);
    else for (const exception of fit.exceptions) add(exception, row);
  }
  return [...found].map(([reason, ids]) => ({
    reason,
    count: ids.length,
    ids: ids.sort().slice(0, IDS_MAX),
  }));
}

function exclusionOf({ status, facts, serviceFamilies }: RelayRow, wish: Wish): Exclusion {
  if (status.draining) return 'draining';
  if (!status.confirmed) return 'unconfirmed';
  if (!allowsRegion(wish, facts.region)) return 'barredRegion';
  return (serviceFamilies & wish.families) === 0 ? 'noFamily' : 'otherProvider';
}

/** Returns the relays of a region that can serve a peer, the likeliest first. */
export function relaysOf(
  snapshot: SelectionSnapshot,
  region: number,
  { wish }: Pick<Side, 'wish'>,
): ExplainedRelay[] {
  const members = snapshot.regions[region]?.members ?? [];
  const relays = Array.from(members, (slot): ExplainedRelay | undefined => {
    const row = snapshot.relays[slot];
    const fit = row && fitOf(snapshot, row, wish);
    return row && fit && explained(snapshot, row, fit.exceptions);
  });
  return relays.filter((relay) => relay !== undefined).sort((a, b) => b.weight - a.weight);
}

function explained(
  snapshot: SelectionSnapshot,
  { slot, facts }: RelayRow,
  exceptions: readonly Exception[],
): ExplainedRelay {
  const { share, freeLegs, weight } = snapshot.loads;
  return {
    id: facts.id,
    ...(facts.provider === undefined ? {} : { provider: facts.provider }),
    share: Math.round((share[slot] as number) * 1_000) / 1_000,
    ...priceTerms(snapshot, slot),
    freeLegs: freeLegs[slot] as number,
    weight: rounded(weight[slot] as number),
    exceptions,
  };
}

/** Returns the cost of a relay's load and of its price, ms, rounded to 0.01. */
export function priceTerms(snapshot: SelectionSnapshot, slot: number) {
  const row = snapshot.relays[slot];
  const priceMs = rounded(snapshot.weights.priceMs * (row?.facts.price ?? 0));
  return { loadMs: rounded((snapshot.loads.priceMs[slot] ?? 0) - priceMs), priceMs };
}
