/** What the tests of the selection share. */

import type { PeerHints } from '../../../src/directory/selection/score.js';

/** Seeds of chance: what holds for all of them is no luck. */
export const SEEDS = Array.from({ length: 40 }, (_, index) => index);

/** A peer that measured these relays or regions. */
export function latencies(entries: Record<string, number>): PeerHints {
  return { latencies: new Map(Object.entries(entries)) };
}

/** One IPv6 address of a host. */
export const v6 = (host: number, port: number) => [
  { address: `2001:db8::${host.toString(16)}`, port },
];

/** The addresses of a relay that has IPv6 alone. */
export const v6Only = (host: number) => ({
  serviceAddresses: v6(host, 3478),
  trunkAddresses: v6(host, 3480),
  trunkSources: v6(host, 3480),
});
