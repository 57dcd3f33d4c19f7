import { measureSetup } from '../setup/measure-setup.js';
import type { SetupResult } from '../setup/result.js';
import { addonObstacle } from './addon.js';
import type { Omission } from './result.js';
import { TURN_ALLOCATIONS } from './turn-setups.js';

/** Default number of connections that a full run sets up. */
export const SETUP_CONNECTIONS = 10_000;

/** The other options of set-ups, as bench/setup has them by default. */
const SETUP_DEFAULTS = {
  window: 64,
  workers: 2,
  flowPacketsPerSecond: 20_000,
  expiries: [],
  relayNodeOptions: [],
} as const;
const WHAT = 'Set-up rate and memory';

/** Options of the command line that determine whether set-ups are measured. */
export interface SetupChoice {
  readonly quick?: boolean;
  readonly only: readonly string[];
  /** Number of connections, whatever else is measured. */
  readonly setup?: number;
  /** Number of allocations, whatever else is measured. */
  readonly allocations?: number;
}

/** Results of set-up rate and memory, and what could not be measured. */
export interface Setups {
  readonly results: readonly SetupResult[];
  readonly omissions: readonly Omission[];
}

/** Returns the number of connections to set up: `setup`, or that of a full run; undefined: none. */
export function setupConnections(choice: SetupChoice): number | undefined {
  return choice.setup ?? (isFull(choice) ? SETUP_CONNECTIONS : undefined);
}

/** Returns the number of allocations to make: `allocations`, or as `setupConnections`. */
export function turnAllocations(choice: SetupChoice): number | undefined {
  return choice.allocations ?? (isFull(choice) ? TURN_ALLOCATIONS : undefined);
}

function isFull({ quick, only }: SetupChoice): boolean {
  return quick !== true && only.length === 0;
}

/**
 * Measures set-up rate and memory, with both legs at one relay and at two. A failure becomes an
 * omission, so that the earlier results are kept.
 * @param connections - undefined for none
 * @param write - called with each line of progress
 */
export async function measureSetups(
  connections: number | undefined,
  write: (line: string) => void,
): Promise<Setups> {
  if (connections === undefined) {
    const why = 'measured by a full run only, or with --setup';
    return { results: [], omissions: [{ what: WHAT, why }] };
  }
  const obstacle = addonObstacle();
  if (obstacle !== undefined) return { results: [], omissions: [{ what: WHAT, why: obstacle }] };
  const results: SetupResult[] = [];
  const omissions: Omission[] = [];
  for (const arrangement of ['same-relay', 'two-relays'] as const) {
    const options = { ...SETUP_DEFAULTS, arrangement, connections };
    try {
      results.push(await measureSetup(options, (message) => write(`set-up: ${message}`)));
    } catch (error) {
      omissions.push({ what: `${WHAT}, ${arrangement}`, why: (error as Error).message });
    }
  }
  return { results, omissions };
}
