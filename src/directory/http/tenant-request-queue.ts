import { FairQueue } from '../../collections/fair-queue.js';

/** Maximum requests with an API key served in a round of the event loop. */
export const TENANT_REQUESTS_AT_ONCE = 8;
/** Maximum waiting requests of one tenant; a further one is answered 429. */
export const TENANT_REQUESTS_WAITING_MAX = 2_048;

interface Waiting {
  readonly tenant: string;
  readonly isGone: () => boolean;
  readonly go: () => void;
}

/**
 * Queue of requests with an API key beyond what one round of the event loop serves. Tenants take
 * turns, so that a tenant with many requests, over any number of connections and addresses, delays
 * only itself. Without overload no request waits.
 */
export class TenantRequestQueue {
  /** Number of requests refused at the bound. */
  refused = 0;
  readonly #waiting = new FairQueue<Waiting>(({ tenant }) => tenant);
  #served = 0;
  #scheduled = false;

  /** Number of requests that wait. */
  get size(): number {
    return this.#waiting.size;
  }

  /** Takes a turn if nobody waits and the round has one left; returns whether it did. */
  takeNow(): boolean {
    this.#schedule();
    if (this.size > 0 || this.#served >= TENANT_REQUESTS_AT_ONCE) return false;
    this.#served += 1;
    return true;
  }

  /**
   * Waits for the request's turn.
   * @param isGone - whether the client has disconnected: then the request takes no turn
   * @returns false at once if too many requests of the tenant wait already
   */
  async take(tenant: string, isGone: () => boolean): Promise<boolean> {
    if (this.takeNow()) return true;
    if (this.#waiting.countOf(tenant) >= TENANT_REQUESTS_WAITING_MAX) {
      this.refused += 1;
      return false;
    }
    await new Promise<void>((go) => this.#waiting.add({ tenant, isGone, go }));
    return true;
  }

  #schedule(): void {
    if (this.#scheduled) return;
    this.#scheduled = true;
    setImmediate(this.#begin);
  }

  readonly #begin = (): void => {
    this.#scheduled = false;
    this.#served = 0;
    this.#round();
    if (this.size > 0) this.#schedule();
  };

  #round(): void {
    while (this.#served < TENANT_REQUESTS_AT_ONCE) {
      const next = this.#waiting.take();
      if (next === undefined) return;
      if (!next.isGone()) this.#served += 1;
      next.go();
    }
  }
}
