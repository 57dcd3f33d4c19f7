import type { Logger } from 'pino';
import type { Clock } from '../../clock.js';
import { LineLimiter } from '../../logging/line-limiter.js';

/** Maximum lines per second; omitted ones are counted. */
const LINES_A_SECOND = 5;

/** A connection that a peer asked to replace before it was in use. */
export interface UnmadeConnection {
  readonly connectionId: string;
  readonly tenant: string;
  /** The IP address of the peer's WebSocket; undefined once it is closed. */
  readonly from: string | undefined;
  /** Ids of the relays that it asks to avoid. */
  readonly avoid: readonly string[];
}

/**
 * Logs peers that cannot use their connections. The usual cause is a firewall between a peer and
 * its relay, which no relay can detect.
 */
export class UnmadeConnectionLog {
  /** Number of such connections. */
  count = 0;
  readonly #limiter: LineLimiter;
  readonly #logger: Logger;

  constructor(clock: Clock, logger: Logger) {
    this.#limiter = new LineLimiter({ perSecond: LINES_A_SECOND, burst: LINES_A_SECOND }, clock);
    this.#logger = logger;
  }

  /** Counts a connection, and logs it within the rate limit. */
  notice({ connectionId, tenant, from, avoid }: UnmadeConnection): void {
    this.count += 1;
    if (!this.#limiter.take()) return;
    const why = avoid.length === 0 ? 'it does not say why' : `not by ${avoid.join(', ')}`;
    const omitted = this.#limiter.takeOmitted();
    const fields = { connectionId, tenant, from, avoid, omitted };
    this.#logger.info(
      { event: 'connection-unmade', ...fields },
      `a peer at ${from ?? 'an address that is gone'} could not connect and asks again: ${why}`,
    );
  }
}
