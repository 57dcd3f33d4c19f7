import { type Clock, wholeMs } from '../clock.js';
import { FairTable } from '../collections/fair-table.js';
import { TURN_LIMITS } from './turn-limits.js';

/** A request, as a retransmission repeats it. */
interface Repeated {
  readonly tupleKey: string;
  readonly method: number;
  readonly transactionId: Uint8Array;
  readonly principal: { readonly username: string };
}

interface Kept {
  /** Its bytes, by `latin1`. */
  readonly response: string;
  readonly until: number;
}

/** Returns what a request and its retransmissions have in common. */
export function transactionKey(request: Repeated): string {
  const { tupleKey, method, transactionId: id, principal } = request;
  return `${tupleKey} ${method} ${latin1(id)} ${principal.username}`;
}

/** Returns bytes as characters: an array of bytes of its own takes three times the memory. */
export function latin1(bytes: Uint8Array): string {
  return Buffer.from(bytes.buffer, bytes.byteOffset, bytes.length).toString('latin1');
}

/**
 * Responses that a retransmitted request gets again, since handling it twice would have another
 * result (RFC 8656 sections 7.2 and 8.2). Authenticated requests only, and a bounded number: at the
 * bound the user with most responses loses the oldest one, so that no user displaces all others'.
 */
export class ResponseMemory {
  readonly #clock: Clock;
  /** In order of expiry. */
  readonly #kept = new FairTable<Kept>(TURN_LIMITS.responsesKeptMax, 'oldest');

  constructor(clock: Clock) {
    this.#clock = clock;
  }

  /** Number of kept responses. */
  get size(): number {
    return this.#kept.size;
  }

  /** Returns the response to a transaction (`transactionKey`); undefined if none is kept. */
  find(key: string): Uint8Array | undefined {
    const kept = this.#kept.get(key);
    if (kept === undefined || this.#clock.monotonic() >= kept.until) return undefined;
    return new Uint8Array(Buffer.from(kept.response, 'latin1'));
  }

  /**
   * Keeps a copy of the response to a transaction.
   * @param share - whom the response counts for (`shareOf`)
   * @param key - as in `find`
   */
  keep(share: string, key: string, response: Uint8Array): void {
    const until = wholeMs(this.#clock) + TURN_LIMITS.responseKeptMs;
    this.#kept.put(share, key, { response: latin1(response), until });
  }

  /** Forgets responses whose time is over. */
  tick(): void {
    const now = this.#clock.monotonic();
    for (const [key, { until }] of this.#kept.entries()) {
      if (now < until) return;
      this.#kept.delete(key);
    }
  }
}
