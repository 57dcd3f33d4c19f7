import { normal } from '../../random.js';
import { callQuality } from '../../run/path-quality.js';
import type { Call } from '../../world/calls.js';
import type { World } from '../../world/world.js';

/** Binding requests to each relay, of which the least round trip counts. */
const PINGS = 3;
const SD_PER_DEVIATION = 1.25;
const PING = 311;

/**
 * Returns the latencies that a peer measures before it asks: the least of a few round trips to one
 * relay of each of some regions, by the region's name.
 */
export function pingedLatencies(
  world: World,
  { call, end, atMs }: { readonly call: Call; readonly end: 0 | 1; readonly atMs: number },
  regions: readonly number[],
  seed: number,
): Map<string, number> {
  const latencies = new Map<string, number>();
  for (const region of regions) {
    const relay = world.relaysOf[region]?.find((one) => world.truth.isUp(one, atMs));
    if (relay === undefined) continue;
    const { legs } = callQuality(world, call, { a: relay, b: relay }, atMs);
    const { rttMs, jitterMs } = legs[end];
    let least = Number.POSITIVE_INFINITY;
    for (let ping = 0; ping < PINGS; ping++) {
      const noise = normal(seed, PING + ping, call.index, region, end);
      least = Math.min(least, rttMs + SD_PER_DEVIATION * jitterMs * noise);
    }
    latencies.set(world.regions[region]?.name ?? '', Math.max(0.5, rttMs / 2, least));
  }
  return latencies;
}
