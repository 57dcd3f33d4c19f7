import { hash32 } from '../../random.js';
import type { Call } from '../../world/calls.js';
import type { World } from '../../world/world.js';

/** Regions that a peer pings before it asks (POST /v1/relays/candidates). */
export const PINGED_REGIONS = 10;

/** Returns regions spread over all by the peer's address, whatever is known. */
export function spreadRegions(
  { regions }: World,
  { index }: Call,
  end: number,
  seed: number,
): number[] {
  const count = regions.length;
  const first = hash32(seed, 331, index, end) % count;
  const step = Math.max(1, Math.floor(count * 0.382));
  const all = Array.from({ length: PINGED_REGIONS }, (_, at) => (first + at * step) % count);
  return [...new Set(all)];
}
