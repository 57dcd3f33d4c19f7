import type { TransportAddress } from '../address.js';
import { Candidates } from './candidates.js';
import { allowsRelay, fitOf, type Wish, wishOf } from './fitness.js';
import { loadPriceMs } from './loads.js';
import { fillAtRandom, fillCandidates } from './peer-legs.js';
import { SeededRandom } from './random.js';
import type { RelayRow } from './relay-facts.js';
import { type AllowedRelays, familiesOf, type PeerRequest } from './request.js';
import type { SelectionSnapshot } from './snapshot.js';

/** A request for TURN servers. */
export interface TurnRequest {
  readonly client: PeerRequest;
  readonly allowed?: AllowedRelays | undefined;
  /** Number of relays to select at most. */
  readonly relays: number;
}

/** A relay for a TURN client, and its addresses to try: one of each family that may serve. */
export interface TurnRelay {
  readonly id: string;
  readonly addresses: readonly TransportAddress[];
}

/**
 * The reason why no relay serves a TURN client: none is registered; none serves tenants' users;
 * none of those may be chosen now; none of them has an address of a family that it can use.
 */
export type NoTurnReason = 'no-relays' | 'no-turn' | 'none-ready' | 'no-family';

/** The relays, nearest first, or the reason, with a sentence for people. */
export type TurnSelection =
  | { readonly ok: true; readonly relays: readonly TurnRelay[] }
  | { readonly ok: false; readonly reason: NoTurnReason; readonly detail: string };

/** A relay that can serve the client. */
interface Able {
  readonly row: RelayRow;
  /** Sum of its exceptions' weights. */
  readonly weight: number;
  readonly costMs: number;
  /** Allocations that it has room for: chance to be drawn, in proportion. */
  readonly free: number;
}

/** Scratch of the selection that runs. */
const CANDIDATES = new Candidates();

/**
 * Selects the relays that are nearest to a TURN client, where load counts as latency. Of those
 * within the band of the best, free room and chance choose, as for connections. The client's
 * `family` and `families`, and the tenant's `allowed` are binding. A relay outside its `region`, a
 * suspected one, an avoided one, or one under a verdict is selected only if there is no other.
 *
 * The result depends on the arguments alone: no clock is read, and chance comes from the seed.
 * @param seed - an integer; its low 32 bits count
 */
export function selectTurnRelays(
  snapshot: SelectionSnapshot,
  { client, allowed, relays }: TurnRequest,
  seed: number,
): TurnSelection {
  const random = new SeededRandom(seed);
  const wish = wishOf(client, allowed);
  const able = ableRelays(snapshot, client, wish, random);
  if (able.length === 0) return refusal(snapshot, client, wish);
  const least = Math.min(...able.map(({ weight }) => weight));
  const left = able.filter(({ weight }) => weight === least).sort((a, b) => a.costMs - b.costMs);
  const chosen: TurnRelay[] = [];
  while (chosen.length < relays && left.length > 0) {
    const [drawn] = left.splice(drawNear(left, snapshot.weights.bandMs, random), 1);
    const { row, weight } = drawn as Able;
    chosen.push({ id: row.facts.id, addresses: addressesFor(snapshot, row, client, weight) });
  }
  return { ok: true, relays: chosen };
}

/** Returns whether a relay serves TURN and has room. */
function hasTurn({ loads }: SelectionSnapshot, { slot }: RelayRow): boolean {
  return (loads.freeAllocations[slot] as number) > 0;
}

/** Returns the relays with TURN that can serve the client, in any order. */
function ableRelays(
  snapshot: SelectionSnapshot,
  client: PeerRequest,
  wish: Wish,
  random: SeededRandom,
): Able[] {
  const isKnown = fillCandidates(snapshot, client, wish, CANDIDATES);
  if (!isKnown) fillAtRandom(snapshot, random, [[wish, CANDIDATES]]);
  const legs = new Map<number, number>();
  for (let index = 0; index < CANDIDATES.all; index += 1) {
    legs.set(CANDIDATES.regions[index] as number, CANDIDATES.legMs[index] as number);
  }
  const able = [...legs].flatMap(([region, legMs]) =>
    ableIn(snapshot, client, wish, region, legMs),
  );
  if (able.length > 0) return able;
  return snapshot.regions.flatMap((row) =>
    row === undefined || legs.has(row.number) ? [] : ableIn(snapshot, client, wish, row.number, 0),
  );
}

/** Returns the relays with TURN of a region that can serve the client. */
function ableIn(
  snapshot: SelectionSnapshot,
  client: PeerRequest,
  wish: Wish,
  region: number,
  legMs: number,
): Able[] {
  const { weights, loads } = snapshot;
  const able: Able[] = [];
  for (const slot of snapshot.regions[region]?.members ?? []) {
    const row = snapshot.relays[slot] as RelayRow;
    const fit = hasTurn(snapshot, row) ? fitOf(snapshot, row, wish, NO_LEGS) : undefined;
    if (fit === undefined) continue;
    const own = client.latencies?.get(row.facts.id) ?? legMs;
    const loadMs = loadPriceMs(loads.turnShare[slot] as number, weights);
    const free = loads.freeAllocations[slot] as number;
    able.push({ row, weight: fit.weight, costMs: own + loadMs, free });
  }
  return able;
}

/** As the number of legs: a relay without room for legs may have room for allocations. */
const NO_LEGS = Number.NEGATIVE_INFINITY;

/** Returns the index of one of the best relays, drawn by free room. @param able - best first */
function drawNear(able: readonly Able[], bandMs: number, random: SeededRandom): number {
  const most = (able[0]?.costMs ?? 0) + bandMs;
  let sum = 0;
  for (const { costMs, free } of able) if (costMs <= most) sum += free;
  let at = random.next() * sum;
  let index = 0;
  while (index < able.length - 1) {
    at -= (able[index] as Able).free;
    if (at < 0 || (able[index + 1] as Able).costMs > most) return index;
    index += 1;
  }
  return index;
}

/**
 * Returns the addresses of a relay that a client tries. Each costs it an allocation, so there is
 * one if its family is known: stated by itself, or seen. Otherwise there is one of each family of
 * the relay, without those that are in more doubt than the best one.
 */
function addressesFor(
  snapshot: SelectionSnapshot,
  row: RelayRow,
  client: PeerRequest,
  weight: number,
): readonly TransportAddress[] {
  const isSeen = client.families === undefined && client.address !== undefined;
  const families = isSeen ? [undefined] : familiesOf(client);
  return families.flatMap((family) => {
    const wish = wishOf(family === undefined ? client : { ...client, family }, undefined);
    const fit = fitOf(snapshot, row, wish, NO_LEGS);
    return fit !== undefined && fit.weight <= weight ? [fit.address] : [];
  });
}

function refusal(snapshot: SelectionSnapshot, client: PeerRequest, wish: Wish): TurnSelection {
  const of = (reason: NoTurnReason, detail: string) => ({ ok: false, reason, detail }) as const;
  const live = snapshot.relays.filter((row) => row !== undefined);
  if (live.length === 0) return of('no-relays', 'no relay is registered');
  const serving = live.filter(
    ({ slot }) => !Number.isNaN(snapshot.loads.freeAllocations[slot] as number),
  );
  if (serving.length === 0) {
    return of('no-turn', `none of ${live.length} relays serves TURN to tenants' users`);
  }
  const ready = serving.filter(
    (row) => hasTurn(snapshot, row) && row.status.confirmed && !row.status.draining,
  );
  const open = ready.filter((row) => allowsRelay(wish, row.facts));
  if (open.length === 0) {
    const others = ready.length === 0 ? '' : `, and ${ready.length} are not allowed to the tenant`;
    const why = `they drain, have just registered, or are full${others}`;
    return of('none-ready', `of ${serving.length} relays with TURN none may be chosen: ${why}`);
  }
  const families = familiesOf(client).map((family) => `IPv${family}`);
  const detail =
    `the client can use ${families.join(' and ')} only, ` +
    `and none of ${open.length} relays with TURN has an address of it`;
  return of('no-family', detail);
}
