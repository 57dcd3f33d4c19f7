import { DIRECT, type Measured, type Pair } from '../contestants/contestant.js';
import type { Call } from '../world/calls.js';
import type { Quality, World } from '../world/world.js';

/** The quality of a call at a moment: of each leg, with its last mile, and of the whole. */
export interface CallQuality {
  readonly legs: readonly [Measured, Measured];
  readonly whole: Measured;
}

const empty = (): Quality => ({ rttMs: 0, jitterMs: 0, loss: 0 });

/**
 * Joins paths one after the other. Round trips add up, deviations as those of independent values,
 * and a packet arrives if no part loses it.
 */
export function joined(parts: readonly Measured[]): Measured {
  let rttMs = 0;
  let squares = 0;
  let arriving = 1;
  for (const part of parts) {
    rttMs += part.rttMs;
    squares += part.jitterMs ** 2;
    arriving *= 1 - part.loss;
  }
  return { rttMs, jitterMs: Math.sqrt(squares), loss: 1 - arriving };
}

/** Returns the quality of a call over a pair of relays, or over the direct path, at a moment. */
export function callQuality(
  { truth, relays }: World,
  { peers }: Call,
  pair: Pair | typeof DIRECT,
  atMs: number,
): CallQuality {
  const ends = peers.map(({ cluster, lastMile }) => {
    const access = empty();
    truth.access(cluster, atMs, access);
    return joined([access, lastMile]);
  }) as [Measured, Measured];
  const middle = empty();
  if (pair === DIRECT) {
    truth.direct(peers[0].cluster, peers[1].cluster, atMs, middle);
    return { legs: ends, whole: joined([...ends, middle]) };
  }
  const regions = [relays[pair.a]?.region ?? 0, relays[pair.b]?.region ?? 0] as const;
  const legs = peers.map(({ cluster }, end) => {
    const leg = empty();
    truth.leg(cluster, regions[end] as number, atMs, leg);
    return joined([ends[end] as Measured, leg]);
  }) as [Measured, Measured];
  if (pair.a !== pair.b) truth.trunk(...regions, atMs, middle);
  return { legs, whole: joined([...legs, middle]) };
}
