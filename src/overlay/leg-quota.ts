import { DEFAULT_TENANT } from '../auth/tenant-credentials.js';
import { KeyCounter } from '../collections/key-counter.js';
import { OVERLAY_LIMITS } from './overlay-limits.js';

/**
 * A tenant's quota, as a share of the relay's legs. Ended legs in quarantine count too, so
 * `default` also has a quota.
 */
const QUOTA = { default: 3 / 2, other: 1 / 2 } as const;

/** Session indexes per leg of the bound, and 5-tuples with channel numbers per leg of the bound. */
const NUMBERS_PER_LEG = 2;

/** Why a leg cannot be added. */
export type QuotaRefusal = 'tenant-quota' | 'relay-full';

/** What a relay holds now. */
export interface Held {
  readonly legs: number;
  /** 5-tuples with legs or with channel numbers in quarantine. */
  readonly tuples: number;
}

/**
 * Counts the legs of each tenant, and says whether it may have one more. Ended legs count for their
 * tenant until their numbers leave quarantine: otherwise one tenant could use up the session
 * indexes by opening and closing legs.
 */
export class LegQuota {
  readonly legsMax: number;
  readonly #perTenant = new KeyCounter();
  readonly #resting: { tenant: string; until: number }[] = [];

  /** @param legsMax - maximum legs of the relay; half of it for any tenant but `default` */
  constructor(legsMax: number) {
    this.legsMax = legsMax;
  }

  /**
   * Returns why a new leg of a tenant is refused; undefined if there is room. A tenant other than
   * `default` gets at most as many legs as are still free, so that a few tenants leave room for
   * another.
   * @param now - monotonic ms
   */
  refusal(tenant: string, held: Held, now: number): QuotaRefusal | undefined {
    this.endRests(now);
    if (held.legs >= this.legsMax) return 'relay-full';
    // A 5-tuple's channel numbers outlive its legs by a minute, so 5-tuples are bounded too.
    if (held.tuples >= NUMBERS_PER_LEG * this.legsMax) return 'relay-full';
    return this.#perTenant.of(tenant) >= this.#quota(tenant, held) ? 'tenant-quota' : undefined;
  }

  #quota(tenant: string, { legs }: Held): number {
    if (tenant === DEFAULT_TENANT) return Math.floor(this.legsMax * QUOTA.default);
    const numbersLeft = NUMBERS_PER_LEG * this.legsMax - legs - this.#resting.length;
    return Math.min(Math.floor(this.legsMax * QUOTA.other), this.legsMax - legs, numbersLeft);
  }

  /** Counts a new leg. */
  add(tenant: string): void {
    this.#perTenant.add(tenant);
  }

  /** Counts the end of a leg that has used no number. */
  remove(tenant: string): void {
    this.#perTenant.remove(tenant);
  }

  /** Notes the end of a leg whose numbers go into quarantine: it counts until they leave it. */
  rest(tenant: string, now: number): void {
    this.#resting.push({ tenant, until: now + OVERLAY_LIMITS.quarantineMs });
  }

  /** Stops counting ended legs whose numbers have left quarantine. */
  endRests(now: number): void {
    let ended = 0;
    while ((this.#resting[ended]?.until ?? Number.POSITIVE_INFINITY) <= now) {
      this.#perTenant.remove((this.#resting[ended] as { tenant: string }).tenant);
      ended += 1;
    }
    if (ended > 0) this.#resting.splice(0, ended);
  }
}
