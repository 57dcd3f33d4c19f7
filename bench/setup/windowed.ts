import { createHistogram, type RecordableHistogram } from 'node:perf_hooks';

/** Interval of the scan for tasks to repeat. */
const SCAN_MS = 100;
/** Interval of retransmissions: the initial RTO of RFC 8489 section 6.2.1. */
const RETRANSMIT_MS = 500;
/** Maximum time in which no task ends; then the measurement fails. */
const STUCK_MS = 20_000;

/** Result of a round of tasks. */
export interface WindowedResult {
  readonly tasks: number;
  readonly seconds: number;
  readonly failed: number;
  /** Number of repeats. */
  readonly retransmissions: number;
  readonly p50Us: number;
  readonly p99Us: number;
  readonly maxUs: number;
}

/** Returns the number of tasks that succeeded. */
export function succeeded({ tasks, failed }: WindowedResult): number {
  return tasks - failed;
}

/** The work of one task. Its end is reported by `Windowed.done`. */
export interface Task {
  begin(index: number): void;
  /** Retransmits requests without a response. */
  repeat(index: number): void;
}

/** Runs numbered tasks with a bounded number under way; the next begins when one has ended. */
export class Windowed {
  readonly #count: number;
  readonly #window: number;
  readonly #task: Task;
  readonly #begunAt = new Map<number, { at: number; sentAt: number }>();
  readonly #latency: RecordableHistogram = createHistogram();
  #next = 0;
  #failed = 0;
  #retransmissions = 0;
  #finish: () => void = () => {};
  #lastDoneAt = 0;

  /**
   * @param count - number of tasks
   * @param window - maximum number of tasks under way at once
   */
  constructor(count: number, window: number, task: Task) {
    this.#count = count;
    this.#window = window;
    this.#task = task;
  }

  /** Runs all tasks. @throws Error when no task ends for 20 s */
  async run(): Promise<WindowedResult> {
    const startedAt = performance.now();
    this.#lastDoneAt = startedAt;
    await new Promise<void>((resolve, reject) => {
      const timer = setInterval(() => this.#scan(reject), SCAN_MS);
      this.#finish = () => {
        clearInterval(timer);
        resolve();
      };
      this.#fill();
    });
    const microseconds = (ns: number) => (this.#latency.count > 0 ? ns / 1_000 : 0);
    return {
      tasks: this.#count,
      seconds: (this.#lastDoneAt - startedAt) / 1_000,
      failed: this.#failed,
      retransmissions: this.#retransmissions,
      p50Us: microseconds(this.#latency.percentile(50)),
      p99Us: microseconds(this.#latency.percentile(99)),
      maxUs: microseconds(this.#latency.max),
    };
  }

  /** Notes that a task has ended. No effect if it has ended before or has not begun. */
  done(index: number, ok: boolean): void {
    const begun = this.#begunAt.get(index);
    if (begun === undefined) return;
    this.#begunAt.delete(index);
    this.#lastDoneAt = performance.now();
    if (ok) this.#latency.record(Math.max(1, Math.round((this.#lastDoneAt - begun.at) * 1e6)));
    else this.#failed += 1;
    this.#fill();
  }

  #fill(): void {
    while (this.#begunAt.size < this.#window && this.#next < this.#count) {
      const index = this.#next++;
      const at = performance.now();
      this.#begunAt.set(index, { at, sentAt: at });
      this.#task.begin(index);
    }
    if (this.#begunAt.size === 0) this.#finish();
  }

  #scan(fail: (error: Error) => void): void {
    const now = performance.now();
    if (now - this.#lastDoneAt > STUCK_MS) {
      fail(new Error(`stuck: ${this.#begunAt.size} under way, ${this.#next} begun`));
      return this.#finish();
    }
    for (const [index, begun] of this.#begunAt) {
      if (now - begun.sentAt < RETRANSMIT_MS) continue;
      begun.sentAt = now;
      this.#retransmissions += 1;
      this.#task.repeat(index);
    }
  }
}
