import { FairQueue } from '../../collections/fair-queue.js';

/** Requests with an API key served in a round of the event loop. */
export const TENANT_REQUESTS_AT_ONCE = 8;
/** Requests of one tenant that wait; beyond it one is answered 429. */
export const TENANT_REQUESTS_WAITING_MAX = 2_048;

interface Waiting {
  readonly tenant: string;
  readonly isGone: () => boolean;
  readonly go: () => void;
}

/**
 * Where requests with an API key wait while more have come than one round of the event loop serves:
 * the tenants take turns, so that one that asks much, over however many connections and from
 * however many addresses, waits for itself. Without a crowd nobody waits.
 */
export class TenantRequestQueue {
  /** Requests refused because too many of their tenant wait. */
  refused = 0;
  readonly #waiting = new FairQueue<Waiting>(({ tenant }) => tenant);
  #served = 0;
  #scheduled = false;

  /** Requests that wait. */
  get size(): number {
    return this.#waiting.size;
  }

  /**
   * Waits for a turn.
   * @param isGone - whether the other end has given up: then it takes nobody's turn
   * @returns false at once where too many of the tenant wait already
   */
  async take(tenant: string, isGone: () => boolean): Promise<boolean> {
    this.#schedule();
    if (this.size === 0 && this.#served < TENANT_REQUESTS_AT_ONCE) {
      this.#served += 1;
      return true;
    }
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
    setImmediate(() => {
      this.#scheduled = false;
      this.#served = 0;
      this.#round();
      if (this.size > 0) this.#schedule();
    });
  }

  #round(): void {
    while (this.#served < TENANT_REQUESTS_AT_ONCE) {
      const next = this.#waiting.take();
      if (next === undefined) return;
      if (!next.isGone()) this.#served += 1;
      next.go();
    }
  }
}
