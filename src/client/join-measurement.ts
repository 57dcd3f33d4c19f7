import type { AddressFamily } from '../address.js';
import { BoundedCache } from '../collections/bounded-cache.js';
import type { RandomBytes } from '../random.js';
import type { DirectoryAccess } from './directory-problem.js';
import { pingCandidates } from './measure.js';
import { hostAddresses } from './network-watch.js';
import { relayCandidates } from './relay-candidates.js';
import { MEASURE_MS, MEASURE_PINGS } from './relay-pings.js';
import type { Scheduler } from './scheduler.js';

/** Time for which latencies count while the network does not change. */
export const MEASURED_MS = 600_000;

/** Time after which a measurement without an answer is tried again. */
export const UNMEASURED_MS = 60_000;

/** Time after which a directory that named no relays to measure is asked again. */
export const UNNAMED_MS = 10_000;

/** Time for the directory to name relays to measure. */
export const CANDIDATES_ANSWER_MS = 2_000;

/** Measurements that a process keeps at most: for each directory, API key and local address. */
const MEASUREMENTS_MAX = 64;

/** Round trips by region, ms. */
export type Latencies = Readonly<Record<string, number>>;

/** For whom to measure. */
export interface JoinMeasurementOptions {
  readonly access: DirectoryAccess;
  /** Address families that bind the choice. */
  readonly families: readonly AddressFamily[] | undefined;
  /** Local IP address; undefined for any. */
  readonly from: string | undefined;
  readonly scheduler: Scheduler;
  readonly random: RandomBytes;
  /** Returns the host's addresses, which tell one network from another; default the system's. */
  readonly network?: () => ReadonlySet<string>;
}

interface Kept {
  readonly latencies: Promise<Latencies>;
  /** The host's addresses at that time. */
  readonly network: string;
  /** Monotonic time until which it counts, ms. */
  untilMs: number;
}

/** Measurements by clock: the times of one mean nothing to another. */
const kept = new WeakMap<Scheduler, BoundedCache<Kept>>();

/**
 * Returns the latencies that a joining peer tells the directory: of the present network and at most
 * MEASURED_MS old. All peers of a process share them, so that thousands that join at once cause one
 * measurement. Never rejects; empty if nothing was measured.
 */
export function joinLatencies(options: JoinMeasurementOptions): Promise<Latencies> {
  const { access, families, from, scheduler, network: addresses = hostAddresses } = options;
  const all = kept.get(scheduler) ?? new BoundedCache<Kept>(MEASUREMENTS_MAX);
  kept.set(scheduler, all);
  const name = JSON.stringify([String(access.directoryUrl), access.apiKey, families, from]);
  const network = [...addresses()].sort().join();
  const known = all.get(name);
  if (known?.network === network && scheduler.monotonic() < known.untilMs) return known.latencies;
  const measuring = measured(options);
  const latencies = measuring.then((found) => found ?? {});
  // While it is under way it counts, too.
  const made: Kept = { latencies, network, untilMs: Number.POSITIVE_INFINITY };
  all.set(name, made);
  void measuring.then((found) => {
    const keepMs = found === undefined ? UNNAMED_MS : keepMsOf(found);
    made.untilMs = scheduler.monotonic() + keepMs;
  });
  return latencies;
}

function keepMsOf(latencies: Latencies): number {
  return Object.keys(latencies).length > 0 ? MEASURED_MS : UNMEASURED_MS;
}

/** Measures. @returns undefined if the directory named no relays */
async function measured(options: JoinMeasurementOptions): Promise<Latencies | undefined> {
  const { access, families, from, scheduler, random } = options;
  try {
    const candidates = await relayCandidates({
      access,
      peer: families === undefined ? {} : { families },
      signal: AbortSignal.timeout(CANDIDATES_ANSWER_MS),
      scheduler,
      random,
    });
    if (candidates.length === 0) return undefined;
    const { latencies } = await pingCandidates(candidates, {
      ...{ families, from, scheduler, random },
      count: MEASURE_PINGS,
      timeoutMs: MEASURE_MS,
      isHasty: true,
    });
    return latencies;
  } catch {
    return undefined;
  }
}
