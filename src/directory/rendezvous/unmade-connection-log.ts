import type { Logger } from 'pino';
import type { Clock } from '../../clock.js';
import { LineLimiter } from '../../logging/line-limiter.js';

/** Lines in a second; the rest is counted. */
const LINES_A_SECOND = 5;

/** A connection that a peer asked to have replaced before it was in use. */
export interface UnmadeConnection {
  readonly connectionId: string;
  readonly tenant: string;
  /** Where the peer's WebSocket comes from; undefined once it is closed. */
  readonly from: string | undefined;
  /** The relays that it does not want any more, by id. */
  readonly avoid: readonly string[];
}

/**
 * Says which peers cannot use the connections that they are given: most often a firewall between a
 * peer and its relay, which no relay can know of.
 */
export class UnmadeConnectionLog {
  /** All that were noticed. */
  count = 0;
  readonly #window: LineLimiter;
  readonly #logger: Logger;

  constructor(clock: Clock, logger: Logger) {
    this.#window = new LineLimiter(LINES_A_SECOND, 1_000, clock);
    this.#logger = logger;
  }

  notice({ connectionId, tenant, from, avoid }: UnmadeConnection): void {
    this.count += 1;
    if (!this.#window.take()) return;
    const why = avoid.length === 0 ? 'it does not say why' : `not by ${avoid.join(', ')}`;
    const omitted = this.#window.takeLeftOut();
    const fields = { connectionId, tenant, from, avoid, omitted };
    this.#logger.info(
      { event: 'connection-unmade', ...fields },
      `a peer at ${from ?? 'an address that is gone'} could not connect and asks again: ${why}`,
    );
  }
}
