import { measureSetup } from '../setup/measure-setup.js';
import type { SetupResult } from '../setup/result.js';
import { addonObstacle } from './addon.js';
import type { Omission } from './result.js';

/** Connections that a full run sets up, unless it is told another number. */
export const SETUP_CONNECTIONS = 10_000;

/** Set-ups under way at once, and the flow meanwhile, as bench/setup has them by default. */
const SETUP_DEFAULTS = {
  window: 64,
  workers: 2,
  flowPacketsPerSecond: 20_000,
  expiries: [],
  relayNodeOptions: [],
} as const;
const WHAT = 'Set-up rate and memory';

/** What was asked for, as far as set-ups hang on it. */
export interface SetupChoice {
  readonly quick?: boolean;
  readonly only: readonly string[];
  /** So many connections, whatever else is measured. */
  readonly setup?: number;
}

/** Set-up rate and memory, and what could not be measured of them. */
export interface Setups {
  readonly results: readonly SetupResult[];
  readonly omissions: readonly Omission[];
}

/** Connections to set up: what was asked for, or a full run's; undefined for none. */
export function setupConnections({ quick, only, setup }: SetupChoice): number | undefined {
  const isFull = quick !== true && only.length === 0;
  return setup ?? (isFull ? SETUP_CONNECTIONS : undefined);
}

/**
 * Measures set-up rate and memory, both legs at one relay and at two. What fails is an omission, as
 * it comes after all else has been measured.
 * @param connections - undefined for none
 * @param write - takes each line of progress
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
