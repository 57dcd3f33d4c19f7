import type { Logger } from 'pino';
import type { Clock } from '../clock.js';
import type { DataPlane } from './types.js';

/** Time without a sign of life after which a forwarding thread counts as stuck. */
export const WORKER_SILENT_SECONDS = 5;

/** Interval of asking the workers for a sign of life, ms. */
const ASK_MS = 1_000;

/** A worker without a sign of life. */
export interface StuckWorker {
  readonly worker: number;
  readonly seconds: number;
}

/**
 * Detects threads of the data plane that make no progress. It counts the seconds in which this
 * thread asked and the worker did not answer. So a process that was stopped as a whole does not
 * count as one with stuck threads.
 */
export class WorkerWatchdog {
  readonly #plane: Pick<DataPlane, 'workersSilentMs'>;
  readonly #clock: Clock;
  readonly #logger: Logger;
  /** By worker: consecutive seconds without a sign of life. */
  #owedSeconds: number[] = [];
  #askedAt = Number.NEGATIVE_INFINITY;

  constructor(plane: Pick<DataPlane, 'workersSilentMs'>, clock: Clock, logger: Logger) {
    this.#plane = plane;
    this.#clock = clock;
    this.#logger = logger;
  }

  /** Asks for signs of life if that is due. To be called every 100 ms or so. */
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

  /** Returns the workers that are stuck now. */
  stuck(): StuckWorker[] {
    return this.#owedSeconds.flatMap((seconds, worker) =>
      seconds >= WORKER_SILENT_SECONDS ? [{ worker, seconds }] : [],
    );
  }
}
