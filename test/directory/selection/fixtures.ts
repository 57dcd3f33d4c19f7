/** Helpers of the tests of selection. */

import type { PeerHints } from '../../../src/directory/selection/score.js';

/** Seeds of the random source: enough that a property which holds for all is no coincidence. */
export const SEEDS = Array.from({ length: 40 }, (_, index) => index);

/** Hints of a peer with these latencies to relays or regions, ms. */
export function latencies(entries: Record<string, number>): PeerHints {
  return { latencies: new Map(Object.entries(entries)) };
}

/** Returns the IPv6 address of a host. */
export const v6 = (host: number, port: number) => [
  { address: `2001:db8::${host.toString(16)}`, port },
];

/** Returns the addresses of a relay that has only IPv6. */
export const v6Only = (host: number) => ({
  serviceAddresses: v6(host, 3478),
  trunkAddresses: v6(host, 3480),
  trunkSources: v6(host, 3480),
});
