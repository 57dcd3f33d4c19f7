import type { Logger } from 'pino';
import type { Clock } from '../clock.js';
import type { Counters } from './counters.js';

/** Interval of reading the counters, and minimum interval of lines about drops, ms. */
const CHECK_MS = 5_000;
const DROPS_NOTICE_MS = 60_000;

type Plane = {
  counters(): Pick<Counters, 'segments_refused' | 'receive_dropped'>;
};

/** Logs refused segments and kernel drops of the data plane's sockets. */
export class ForwardingLog {
  readonly #plane: Plane;
  readonly #clock: Clock;
  readonly #logger: Logger;
  #checkedAt: number;
  #segmentsSaid = false;
  #dropsSaidAt = Number.NEGATIVE_INFINITY;
  #dropsSaid = 0n;

  constructor(plane: Plane, clock: Clock, logger: Logger) {
    this.#plane = plane;
    this.#clock = clock;
    this.#logger = logger;
    this.#checkedAt = clock.monotonic();
  }

  /** Reads the counters if that is due, and logs changes. */
  check(): void {
    const now = this.#clock.monotonic();
    if (now - this.#checkedAt < CHECK_MS) return;
    this.#checkedAt = now;
    this.#checkCounters(now);
  }

  #checkCounters(now: number): void {
    const { segments_refused, receive_dropped } = this.#plane.counters();
    if (segments_refused > 0n && !this.#segmentsSaid) {
      this.#segmentsSaid = true;
      this.#logger.warn(
        { event: 'segments-refused' },
        'the kernel or a device refuses segments (UDP_SEGMENT), to some address at least; those ' +
          'datagrams leave one by one, which costs more CPU time',
      );
    }
    if (receive_dropped > this.#dropsSaid && now - this.#dropsSaidAt >= DROPS_NOTICE_MS) {
      const datagrams = Number(receive_dropped - this.#dropsSaid);
      this.#dropsSaid = receive_dropped;
      this.#dropsSaidAt = now;
      this.#logger.warn(
        { event: 'receive-dropped', datagrams },
        'the kernel dropped datagrams before they could be read: more workers, or larger receive ' +
          'buffers (net.core.rmem_max), would take them, unless their checksums were wrong',
      );
    }
  }
}
