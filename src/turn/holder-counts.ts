import { KeyCounter } from '../collections/key-counter.js';

/** Whom an allocation, or a reserved port, counts for. */
export interface Holder {
  /** The user without an expiry, who has a quota. */
  readonly user: string;
  /** The tenant of the user, if the tenant has a quota, too (`TurnPrincipal`). */
  readonly tenant: string | undefined;
}

/**
 * Returns the name by which a holder shares tables and timers with others. A tenant makes up users
 * as it likes, so all of its users share as one.
 */
export function shareOf({
  user,
  tenant,
}: {
  readonly user: string;
  readonly tenant?: string | undefined;
}): string {
  return tenant === undefined ? user : `${tenant}/`;
}

/** Counts allocations by user and by tenant, opening ones and reserved ports included. */
export class HolderCounts {
  readonly #users = new KeyCounter();
  readonly #tenants = new KeyCounter();
  #total = 0;

  /** Counts one more. */
  add({ user, tenant }: Holder): void {
    this.#users.add(user);
    if (tenant !== undefined) this.#tenants.add(tenant);
    this.#total += 1;
  }

  /** Counts one less. */
  remove({ user, tenant }: Holder): void {
    this.#users.remove(user);
    if (tenant !== undefined) this.#tenants.remove(tenant);
    this.#total -= 1;
  }

  /** Number of all. */
  get total(): number {
    return this.#total;
  }

  /** Returns the number of a user. */
  ofUser(user: string): number {
    return this.#users.of(user);
  }

  /** Returns the number of all users of a tenant. */
  ofTenant(tenant: string): number {
    return this.#tenants.of(tenant);
  }
}
