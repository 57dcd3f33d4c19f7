import type { Logger } from 'pino';
import type { Clock } from '../clock.js';
import type { DataPlane } from '../native/types.js';
import type { Measurements, MeasuringRole } from '../registry/types.js';
import { AccessNetworks } from '../stun-server/access-networks.js';
import type { RegionProbes } from '../trunk/region-probes.js';
import type { RemoteRelays } from '../trunk/remote-relays.js';
import { TrunkMeasurements } from '../trunk/trunk-measurements.js';
import type { RelayMeasurements } from './registration-options.js';

/** Dependencies of `DirectoryMeasurements`. */
export interface DirectoryMeasurementsOptions {
  readonly plane: Pick<DataPlane, 'remoteRelayTraffic'>;
  readonly relays: RemoteRelays;
  /** Only its monotonic time is read. */
  readonly clock: Clock;
  /** For the event `measuring-role`; default silent. */
  readonly logger?: Logger | undefined;
}

/** What a relay measures for its directory (docs/registration.md, Measurements). */
export class DirectoryMeasurements implements RelayMeasurements {
  /** Measures how far clients are. */
  readonly access: AccessNetworks;
  readonly #trunks: TrunkMeasurements;
  readonly #regions: RegionProbes;
  readonly #logger: Logger | undefined;
  /** Whether the directory reads measurements. */
  #isRead = false;
  #isTold = false;

  constructor({ plane, relays, clock, logger }: DirectoryMeasurementsOptions) {
    this.access = new AccessNetworks(clock);
    this.#trunks = new TrunkMeasurements(relays, plane);
    this.#regions = relays.regions;
    this.#logger = logger;
  }

  report(): Partial<Measurements> {
    this.#isTold = this.#isRead;
    // An old directory ignores what follows, and may refuse a longer body.
    if (!this.#isRead) return {};
    return { trunk: this.#trunks.report(), legs: this.access.report() };
  }

  answered(measure: string | undefined): void {
    if (this.#isTold) {
      this.#trunks.delivered();
      this.access.delivered();
    }
    this.#isRead = measure !== undefined;
    const role = ROLES.find((each) => each === measure) ?? 'none';
    if (!this.#regions.appoint(role)) return;
    this.#logger?.info({ event: 'measuring-role', role }, ROLE_TEXTS[role]);
  }
}

const ROLE_TEXTS: Record<MeasuringRole, string> = {
  prober: 'this relay measures the trunks to all other regions',
  standby: 'this relay measures the trunks to all other regions, as a standby',
  none: 'this relay measures no trunks to other regions any more',
};

const ROLES: readonly MeasuringRole[] = ['prober', 'standby', 'none'];
