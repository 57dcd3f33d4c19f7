import type { Logger } from 'pino';
import type { Clock } from '../clock.js';
import type { RandomBytes } from '../random.js';
import type { Settings } from './option-spec.js';
import { SPECS } from './shared-specs.js';

/** Options that every service takes from its host. */
export interface HostOptions {
  /** Default: a silent one. */
  readonly logger?: Logger | undefined;
  /** Default: the system's clocks. */
  readonly clock?: Clock | undefined;
  /** Default: `randomBytes` of node:crypto. */
  readonly random?: RandomBytes | undefined;
}

/** The specs of `HostOptions`. */
export const HOST_SPECS = {
  logger: { ...SPECS.logger, changes: 'at start', description: 'a pino logger' },
  clock: { ...SPECS.clock, changes: 'at start', description: 'the time' },
  random: { ...SPECS.random, changes: 'at start', description: 'random bytes' },
} as const satisfies Settings<HostOptions>;
