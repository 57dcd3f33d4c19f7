import { systemClock } from '../../src/clock.js';
import { NO_DOUBTS } from '../../src/selection/doubts.js';
import type { PeerHints } from '../../src/selection/request.js';
import type { LiveRelay } from './live-relay.js';
import { LocalLoad } from './load.js';
import { selectRelays } from './select.js';

/** Relays that the former selection chooses from. */
export interface FormerFleet {
  readonly relays: readonly LiveRelay[];
  readonly load: LocalLoad;
}

const LEGS_MAX = 10_000;

/** Makes the fleet of the other contestant for the former selection. */
export function formerFleetOf(size: { relays: number; regions: number }): FormerFleet {
  const load = new LocalLoad(systemClock);
  const relays = Array.from({ length: size.relays }, (_, index): LiveRelay => {
    const id = `relay-${index}`;
    const address = `10.${index >> 16}.${(index >> 8) & 255}.${index & 255}`;
    const share = (index % 7) / 10;
    load.add(id);
    return {
      record: {
        id,
        region: `region-${index % size.regions}`,
        start: 1,
        publicKey: '',
        serviceAddresses: [{ address, port: 3478 }],
        trunkAddresses: [{ address, port: 3480 }],
        trunkSources: [{ address, port: 3480 }],
        recordsMax: 64,
      },
      load: { legs: share * LEGS_MAX, legsMax: LEGS_MAX, cpu: share },
      draining: false,
      confirmed: true,
      registry: { holds: () => true },
      doubts: NO_DOUBTS,
    };
  });
  return { relays, load };
}

/** Selects a pair of relays as version 0.1 did for a connection. */
export function selectFormerly(
  { relays, load }: FormerFleet,
  peers: readonly [PeerHints, PeerHints],
): void {
  const snapshot = { number: 1, relays };
  const estimate = load.estimate(relays);
  const selection = selectRelays({ snapshot, load: estimate, peers, random: Math.random });
  if (!selection.ok) throw new Error('no relay can serve');
}
