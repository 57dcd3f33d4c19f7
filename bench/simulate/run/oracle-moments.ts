import type { Measured } from '../contestants/contestant.js';
import { type Objective, PairSearch, RTT_ONLY } from '../contestants/pair-search.js';
import { isPoor } from '../judge/e-model.js';
import type { Call } from '../world/calls.js';
import type { Quality, World } from '../world/world.js';
import type { CallSet, Outcome } from './contest.js';
import { joined } from './path-quality.js';

/**
 * The oracle that also counts jitter and loss, about as the E-model does: a percent of loss is
 * worth 20 ms, and a jitter buffer delays by twice the jitter.
 */
export const ORACLE_OBJECTIVE: Objective = { jitterMsPerMs: 2, lossMsPerPercent: 20 };

/** What the best choice at each judged moment reaches. */
export interface OracleMoments {
  /** The least round-trip time. */
  readonly byRtt: Outcome;
  /** The least cost: RTT, and jitter and loss in ms. */
  readonly byCost: Outcome;
  /** 1 where every pair of relays gives a poor call, else 0. */
  readonly poorAnyway: Uint8Array;
}

/** Knows everything at every moment: the per-minute oracle. */
export function oracleMoments(world: World, calls: CallSet, objective: Objective): OracleMoments {
  const search = new PairSearch(world);
  const count = calls.judged.length * calls.moments;
  const byRtt = emptyOutcome('oracle-minute', count);
  const byCost = emptyOutcome('oracle-cost', count);
  const poorAnyway = new Uint8Array(count);
  for (const call of calls.judged) {
    const clusters = [call.peers[0].cluster, call.peers[1].cluster] as const;
    for (const [moment, atMs] of call.momentsMs.entries()) {
      const at = call.index * calls.moments + moment;
      const usable = (region: number) =>
        world.relaysOf[region]?.some((relay) => world.truth.isUp(relay, atMs)) === true;
      const record = (outcome: Outcome, by: Objective): Measured | undefined => {
        const best = search.best(clusters, atMs, by, usable);
        if (best === undefined) return undefined;
        const whole = qualityOf(world, call, best, atMs);
        outcome.rttMs[at] = whole.rttMs;
        outcome.jitterMs[at] = whole.jitterMs;
        outcome.loss[at] = whole.loss;
        return whole;
      };
      const nearest = record(byRtt, RTT_ONLY);
      const best = record(byCost, objective);
      const some = [nearest, best].filter((one) => one !== undefined);
      poorAnyway[at] = some.some((one) => !isPoor(one)) || isMendable(world, call, atMs) ? 0 : 1;
    }
  }
  return { byRtt, byCost, poorAnyway };
}

function emptyOutcome(name: string, count: number): Outcome {
  const values = () => new Float32Array(count).fill(Number.NaN);
  return {
    ...{ name, rttMs: values(), jitterMs: values(), loss: values(), price: values() },
    ...{ moves: 0, flaps: 0, broken: 0, hours: 0, explored: undefined },
    ...{ loadRatios: [], overloadedSeconds: 0, chooseMicroseconds: 0 },
  };
}

const empty = (): Quality => ({ rttMs: 0, jitterMs: 0, loss: 0 });

/** Returns what each peer's last mile and access network do, whatever the relays. */
function endsOf(world: World, { peers }: Call, atMs: number): Measured {
  const parts = peers.flatMap(({ cluster, lastMile }) => {
    const access = empty();
    world.truth.access(cluster, atMs, access);
    return [access, lastMile];
  });
  return joined(parts);
}

function qualityOf(
  world: World,
  call: Call,
  { a, b }: { readonly a: number; readonly b: number },
  atMs: number,
): Measured {
  const [first, second, trunk] = [empty(), empty(), empty()];
  world.truth.leg(call.peers[0].cluster, a, atMs, first);
  world.truth.leg(call.peers[1].cluster, b, atMs, second);
  if (a !== b) world.truth.trunk(a, b, atMs, trunk);
  return joined([endsOf(world, call, atMs), first, second, trunk]);
}

/** Returns whether any pair of regions gives a call that is not poor. */
function isMendable(world: World, call: Call, atMs: number): boolean {
  const { regions, truth } = world;
  const ends = endsOf(world, call, atMs);
  if (isPoor(ends)) return false;
  const good = call.peers.map(({ cluster }, end) =>
    regions.flatMap((_, region) => {
      const leg = empty();
      truth.leg(cluster, region, atMs, leg);
      const path = joined(end === 0 ? [ends, leg] : [leg]);
      return isPoor(path) ? [] : [{ region, path }];
    }),
  );
  const trunk = empty();
  for (const { region: a, path: first } of good[0] ?? []) {
    for (const { region: b, path: second } of good[1] ?? []) {
      const floorMs = a === b ? 0 : (truth.trunkFloorMs[a * regions.length + b] as number);
      const legs = { ...joined([first, second]) };
      if (isPoor({ ...legs, rttMs: legs.rttMs + floorMs })) continue;
      if (a === b) return true;
      truth.trunk(a, b, atMs, trunk);
      if (!isPoor(joined([legs, trunk]))) return true;
    }
  }
  return false;
}
