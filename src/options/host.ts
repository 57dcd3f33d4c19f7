import type { Logger } from 'pino';
import type { Clock } from '../clock.js';
import type { RandomBytes } from '../random.js';
import type { OptionForm } from './form.js';
import { FORMS } from './forms.js';

/** What every service takes of its host. */
export interface HostOptions {
  /** Default silent. */
  readonly logger?: Logger | undefined;
  /** Default the host's. */
  readonly clock?: Clock | undefined;
  /** Default node:crypto's. */
  readonly random?: RandomBytes | undefined;
}

/** The forms of `HostOptions`. */
export const HOST_FORMS = {
  logger: FORMS.logger,
  clock: FORMS.clock,
  random: FORMS.random,
} as const satisfies Record<keyof HostOptions, OptionForm>;
