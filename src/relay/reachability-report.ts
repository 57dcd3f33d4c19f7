import { type AddressFamily, familyOf } from '../address.js';
import type { ReachabilityReport } from '../registry/types.js';
import type { Trunk } from '../trunk/trunk.js';
import {
  ServiceAddressChecker,
  type ServiceAddressCheckerOptions,
} from './service-address-checker.js';

/** What it works with. */
export interface ReachabilityReporterOptions
  extends Omit<ServiceAddressCheckerOptions, 'record' | 'trunkAnswers'> {
  readonly trunk: () => Trunk;
}

/** What this relay reaches of the others, for the directory (docs/registration.md). */
export class ReachabilityReporter {
  /** The service addresses that the directory wants checked. */
  readonly checker: ServiceAddressChecker;
  readonly #trunk: () => Trunk;

  constructor(options: ReachabilityReporterOptions) {
    this.#trunk = options.trunk;
    this.checker = new ServiceAddressChecker({
      ...options,
      record: (id) => this.#trunk().get(id)?.record,
      trunkAnswers: (family) => this.#trunkAnswers(family),
    });
  }

  /** What this relay cannot reach now. */
  report(): ReachabilityReport {
    return { trunk: [...this.#trunk().unreachable()], service: this.checker.unanswered() };
  }

  /** Whether a relay answers over the trunk by this family. */
  #trunkAnswers(family: AddressFamily): boolean {
    const unreachable = new Set([...this.#trunk().unreachable()].map(({ id }) => id));
    for (const { remote, rttNs } of this.#trunk().relays()) {
      const { path, id } = remote;
      if (rttNs === undefined || path === undefined || unreachable.has(id)) continue;
      if (familyOf(path.destination) === family) return true;
    }
    return false;
  }
}
