import benny from 'benny';
import { SeededRandom } from '../../src/selection/random.js';
import type { SelectionRequest } from '../../src/selection/request.js';
import { select } from '../../src/selection/select.js';
import { type FormerFleet, formerFleetOf, selectFormerly } from '../former-selection/fleet.js';
import { report } from './report.js';
import { type Fleet, FleetPaths, type FleetSize, fleetOf } from './selection-fleet.js';

const SIZES: readonly FleetSize[] = [
  { relays: 10, regions: 5, clusters: 100 },
  { relays: 100, regions: 20, clusters: 1_000 },
  { relays: 1_000, regions: 100, clusters: 4_000 },
  { relays: 10_000, regions: 1_000, clusters: 4_000 },
];
/** Requests of a case, which take turns. */
const REQUESTS = 1_024;
/** Relays that a peer measures itself. */
const MEASURED = 12;

type Requests = readonly SelectionRequest[];

/** Returns requests of peers of random clusters. */
function clusterRequests({ clusters }: FleetSize, random: SeededRandom): Requests {
  const peer = () => ({ cluster: Math.floor(random.next() * clusters) });
  return Array.from({ length: REQUESTS }, () => ({ peers: [peer(), peer()] }));
}

/** Returns requests of peers that have measured a few relays each. */
function ownRequests({ size, paths }: Fleet, random: SeededRandom): Requests {
  const peer = () => {
    const at = { x: random.next(), y: random.next() };
    const latencies = new Map<string, number>();
    for (let k = 0; k < MEASURED; k += 1) {
      const relay = Math.floor(random.next() * size.relays);
      const ms = FleetPaths.ms(at, paths.place(relay % size.regions));
      latencies.set(`relay-${relay}`, ms);
    }
    return { latencies };
  };
  return Array.from({ length: REQUESTS }, () => ({ peers: [peer(), peer()] }));
}

/** Returns a tenant's filters: every other region, and three of the five providers. */
function filtersOf({ regions }: FleetSize) {
  const names = Array.from({ length: Math.ceil(regions / 2) }, (_, k) => `region-${2 * k}`);
  return {
    regions: new Set(names),
    providers: new Set(['provider-0', 'provider-1', 'provider-2']),
  };
}

function selecting(snapshot: Fleet['state']['current'], requests: Requests) {
  let turn = 0;
  return () => {
    turn += 1;
    const selection = select(snapshot, requests[turn % REQUESTS] as SelectionRequest, turn);
    if (!selection.ok) throw new Error('no relay can serve');
  };
}

function selectingFormerly(fleet: FormerFleet, requests: Requests) {
  let turn = 0;
  return () => {
    turn += 1;
    selectFormerly(fleet, (requests[turn % REQUESTS] as SelectionRequest).peers);
  };
}

/** Measures the selection of a pair of relays, beside the one of version 0.1. */
export function benchSelection(): Promise<unknown> {
  const cases = SIZES.flatMap((size) => {
    const fleet = fleetOf(size);
    const former = formerFleetOf(size);
    const random = new SeededRandom(1);
    const requests = clusterRequests(size, random);
    const own = ownRequests(fleet, random);
    const allowed = filtersOf(size);
    const filtered = requests.map((request) => ({ ...request, allowed }));
    const snapshot = fleet.state.current;
    const of = `${size.relays} relays in ${size.regions} regions`;
    return [
      benny.add(`${of}, by clusters`, selecting(snapshot, requests)),
      benny.add(`${of}, a tenant's filters`, selecting(snapshot, filtered)),
      benny.add(`${of}, peers' own latencies`, selecting(snapshot, own)),
      benny.add(`${of}, own latencies, version 0.1`, selectingFormerly(former, own)),
    ];
  });
  return benny.suite('Selection', ...cases, ...report());
}
