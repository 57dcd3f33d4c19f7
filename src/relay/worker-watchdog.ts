import type { Logger } from 'pino';
import type { Clock } from '../clock.js';
import type { DataPlane } from '../native/types.js';

/** A forwarding thread that has given no sign of life for this long is stuck. */
export const WORKER_SILENT_SECONDS = 5;

/** How often the workers are asked for a sign of life. */
const ASK_MS = 1_000;

/** A worker that has given none for too long. */
export interface StuckWorker {
  readonly worker: number;
  readonly seconds: number;
}

/**
 * Sees when a thread of the data plane makes no progress. It counts the seconds in which this
 * thread asked and the worker owed an answer, so a process that was stopped as a whole and goes on
 * is not taken for one with stuck threads.
 */
export class WorkerWatchdog {
  readonly #plane: Pick<DataPlane, 'workersSilentMs'>;
  readonly #clock: Clock;
  readonly #logger: Logger;
  /** Seconds in a row in which a worker owed a sign of life. */
  #owedSeconds: number[] = [];
  #askedAt = Number.NEGATIVE_INFINITY;

  constructor(plane: Pick<DataPlane, 'workersSilentMs'>, clock: Clock, logger: Logger) {
    this.#plane = plane;
    this.#clock = clock;
    this.#logger = logger;
  }

  /** Asks, if it is time to; called every 100 ms or so. */
  check(): void {
    const now = this.#clock.monotonic();
    if (now - this.#askedAt < ASK_MS) return;
    this.#askedAt = now;
    const before = this.#owedSeconds;
    this.#owedSeconds = this.#plane
      .workersSilentMs()
      .map((silentMs, worker) => (silentMs > 0 ? (before[worker] ?? 0) + 1 : 0));
    for (const [worker, seconds] of this.#owedSeconds.entries()) {
      this.#say(worker, before[worker] ?? 0, seconds);
    }
  }

  #say(worker: number, before: number, seconds: number): void {
    if (seconds === WORKER_SILENT_SECONDS) {
      this.#logger.error(
        { event: 'worker-stuck', worker, seconds },
        `forwarding thread ${worker} has done nothing for ${seconds} s`,
      );
    } else if (seconds === 0 && before >= WORKER_SILENT_SECONDS) {
      this.#logger.warn(
        { event: 'worker-back', worker, seconds: before },
        `forwarding thread ${worker} works again after ${before} s`,
      );
    }
  }

  /** Those that are stuck now. */
  stuck(): StuckWorker[] {
    return this.#owedSeconds.flatMap((seconds, worker) =>
      seconds >= WORKER_SILENT_SECONDS ? [{ worker, seconds }] : [],
    );
  }
}
