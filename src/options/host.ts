import type { Logger } from 'pino';
import type { Clock } from '../clock.js';
import type { RandomBytes } from '../random.js';
import type { Settings } from './option-spec.js';
import { SPECS } from './shared-specs.js';

/** Options that every service takes from its host. */
export interface HostOptions {
  /** Default silent. */
  readonly logger?: Logger | undefined;
  /** Default the host's. */
  readonly clock?: Clock | undefined;
  /** Default node:crypto's. */
  readonly random?: RandomBytes | undefined;
}

/** The specs of `HostOptions`. */
export const HOST_SPECS = {
  logger: { ...SPECS.logger, changes: 'at start', description: 'a pino logger' },
  clock: { ...SPECS.clock, changes: 'at start', description: 'the time' },
  random: { ...SPECS.random, changes: 'at start', description: 'random bytes' },
} as const satisfies Settings<HostOptions>;
