import type { Logger } from 'pino';
import type { Measurements, MeasuringRole } from '../registry/types.js';
import type { RegionProbes } from '../trunk/region-probes.js';
import type { TrunkMeasurements } from '../trunk/trunk-measurements.js';
import type { RelayMeasurements } from './registration-options.js';

/** Dependencies of `DirectoryMeasurements`. */
export interface DirectoryMeasurementsOptions {
  readonly trunks: TrunkMeasurements;
  readonly regions: RegionProbes;
  /** For the event `measuring-role`; default silent. */
  readonly logger?: Logger | undefined;
}

/** What a relay measures for its directory (docs/registration.md, Measurements). */
export class DirectoryMeasurements implements RelayMeasurements {
  readonly #options: DirectoryMeasurementsOptions;
  /** Whether the directory reads measurements. */
  #isRead = false;
  #isTold = false;

  constructor(options: DirectoryMeasurementsOptions) {
    this.#options = options;
  }

  report(): Partial<Measurements> {
    this.#isTold = this.#isRead;
    // An old directory ignores what follows, and may refuse a longer body.
    return this.#isRead ? { trunk: this.#options.trunks.report() } : {};
  }

  answered(measure: string | undefined): void {
    const { trunks, regions, logger } = this.#options;
    if (this.#isTold) trunks.delivered();
    this.#isRead = measure !== undefined;
    const role = ROLES.find((each) => each === measure) ?? 'none';
    if (!regions.appoint(role)) return;
    logger?.info({ event: 'measuring-role', role }, ROLE_TEXTS[role]);
  }
}

const ROLE_TEXTS: Record<MeasuringRole, string> = {
  prober: 'this relay measures the trunks to all other regions',
  standby: 'this relay measures the trunks to all other regions, as a standby',
  none: 'this relay measures no trunks to other regions any more',
};

const ROLES: readonly MeasuringRole[] = ['prober', 'standby', 'none'];
