import { SeededRandom } from '../../src/selection/random.js';
import { cpuMs, quantiles } from './rates.js';
import type { Fleet } from './selection-fleet.js';

const PUBLICATIONS = 300;
/** Publications before those that count: the code is compiled meanwhile. */
const WARM_UP = 50;
const INTERVAL_MS = 100;
/** What changes between two publications. */
const LEGS = 2_000;
const REPORTS = 1_000;
const TRUNKS = 8;
const CLUSTERS = 16;

/** Changes a fleet as peers and relays do within `INTERVAL_MS`. */
function change({ size, state, paths }: Fleet, random: SeededRandom, nowMs: number): void {
  const below = (bound: number) => Math.floor(random.next() * bound);
  for (let k = 0; k < LEGS; k += 1) state.assign(`relay-${below(size.relays)}`, nowMs);
  for (let k = 0; k < REPORTS; k += 1) {
    const legs = below(9_000);
    state.reportLoad(`relay-${below(size.relays)}`, { legs, legsMax: 10_000, cpu: legs / 10_000 });
  }
  for (let k = 0; k < TRUNKS; k += 1) paths.change({ trunk: below(size.regions) });
  for (let k = 0; k < CLUSTERS; k += 1) paths.change({ legs: below(size.clusters) });
  const row = state.current.relays[below(size.relays)];
  if (row !== undefined) state.putRelay(row.facts, row.status);
}

/** Measures how long the event loop stands still while a snapshot is published. */
export function benchPublishing(fleet: Fleet): void {
  const random = new SeededRandom(3);
  const cpu: number[] = [];
  const wall: number[] = [];
  for (let k = 0; k < WARM_UP + PUBLICATIONS; k += 1) {
    const nowMs = 1_000 + k * INTERVAL_MS;
    change(fleet, random, nowMs);
    const before = process.cpuUsage();
    const startMs = performance.now();
    fleet.state.publish(nowMs);
    const endMs = performance.now();
    if (k < WARM_UP) continue;
    cpu.push(cpuMs(before));
    wall.push(endMs - startMs);
  }
  console.log(
    `  publishing ${LEGS} legs, ${REPORTS} reports, ${TRUNKS} regions' trunks, ${CLUSTERS} ` +
      `clusters' legs and one relay:\n    CPU ${quantiles(cpu)}\n    wall ${quantiles(wall)}`,
  );
}
