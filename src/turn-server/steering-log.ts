import type { Logger } from 'pino';
import type { Clock } from '../clock.js';
import type { DataPlane, SteeringStatus } from '../native/types.js';

/** Interval of reading the status, ms. */
const CHECK_MS = 1_000;

/** Logs by which sockets a TURN server receives at its relayed addresses, and changes of that. */
export class SteeringLog {
  readonly #plane: Pick<DataPlane, 'steering'>;
  readonly #clock: Clock;
  readonly #logger: Logger;
  #checkedAt: number;
  #mode: SteeringStatus['mode'];

  constructor(plane: Pick<DataPlane, 'steering'>, clock: Clock, logger: Logger) {
    this.#plane = plane;
    this.#clock = clock;
    this.#logger = logger;
    this.#checkedAt = clock.monotonic();
    const { mode, reason } = plane.steering;
    this.#mode = mode;
    logger.info({ event: 'steering', mode, reason }, described(plane.steering));
  }

  /** Reads the status if that is due, and logs a change. */
  check(): void {
    const now = this.#clock.monotonic();
    if (now - this.#checkedAt < CHECK_MS) return;
    this.#checkedAt = now;
    const { mode, reason } = this.#plane.steering;
    if (mode === this.#mode) return;
    this.#mode = mode;
    this.#logger.warn({ event: 'steering', mode, reason }, described({ mode, reason }));
  }
}

function described({ mode, reason }: { mode: string; reason?: string | undefined }): string {
  if (mode === 'on') return 'each thread receives for all relayed ports by one socket';
  return `each relayed port receives by its own socket${reason ? `: ${reason}` : ''}`;
}
