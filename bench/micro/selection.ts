import { SeededRandom } from '../../src/selection/random.js';
import type { SelectionRequest } from '../../src/selection/request.js';
import { select } from '../../src/selection/select.js';
import { type FormerFleet, formerFleetOf, selectFormerly } from '../former-selection/fleet.js';
import { benchPublishing } from './publishing.js';
import { ratesOf } from './rates.js';
import { type Fleet, FleetPaths, type FleetSize, fleetOf } from './selection-fleet.js';

const SIZES: readonly FleetSize[] = [
  { relays: 10, regions: 5, clusters: 100 },
  { relays: 100, regions: 20, clusters: 1_000 },
  { relays: 1_000, regions: 100, clusters: 4_000 },
];
const LARGEST: FleetSize = { relays: 10_000, regions: 1_000, clusters: 4_000 };
/** Snapshots that are kept for explanation while memory is measured. */
const KEPT = 16;
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

function print(name: string, call: () => void): void {
  const { cpu, wall } = ratesOf(call);
  const text = (rate: number) => Math.round(rate).toLocaleString('en').padStart(9);
  console.log(`    ${name.padEnd(32)} ${text(cpu)} ${text(wall)}`);
}

/** Prints how many selections a second one core can make in a fleet. */
function printRates(fleet: Fleet): void {
  const { size, state } = fleet;
  const random = new SeededRandom(1);
  const requests = clusterRequests(size, random);
  const own = ownRequests(fleet, random);
  const allowed = filtersOf(size);
  const filtered = requests.map((request) => ({ ...request, allowed }));
  const alternates = requests.map((request) => ({ ...request, alternates: 2 }));
  const snapshot = state.current;
  console.log(`  ${size.relays} relays in ${size.regions} regions`);
  print('by clusters', selecting(snapshot, requests));
  print('by clusters, rows not computed', selecting({ ...snapshot, bestRows: [] }, requests));
  print("a tenant's filters", selecting(snapshot, filtered));
  print("peers' own latencies", selecting(snapshot, own));
  print('by clusters, two alternates', selecting(snapshot, alternates));
  print('own latencies, version 0.1', selectingFormerly(formerFleetOf(size), own));
}

/** Makes the largest fleet, and prints the memory of this process before and after. */
function printMemory(): Fleet {
  const mib = () => `${Math.round(process.memoryUsage().rss / 2 ** 20)} MiB`;
  const before = mib();
  const fleet = fleetOf(LARGEST);
  for (let kept = 0; kept < KEPT; kept += 1) {
    fleet.state.assign(`relay-${kept}`, 0);
    fleet.state.publish(0);
    fleet.state.keep();
  }
  const { relays, regions, clusters } = LARGEST;
  console.log(
    `  resident memory with ${relays} relays, ${regions} regions, ${clusters} clusters and ` +
      `${KEPT} kept snapshots: ${mib()}, without them ${before}`,
  );
  return fleet;
}

/**
 * Measures the selection of a pair of relays, beside the one of version 0.1, the publication of
 * snapshots, and their memory.
 */
export async function benchSelection(): Promise<void> {
  console.log(
    'Selections a second of CPU time, and a second by the clock; the best of several runs',
  );
  const largest = printMemory();
  for (const size of SIZES) printRates(fleetOf(size));
  printRates(largest);
  benchPublishing(largest);
}
