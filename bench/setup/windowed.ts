import { createHistogram, type RecordableHistogram } from 'node:perf_hooks';

/** How often what is under way is looked through. */
const SCAN_MS = 100;
/** RFC 8489 section 6.2.1: the first retransmission of a request. */
const RETRANSMIT_MS = 500;
/** A measurement in which nothing ends for so long has failed. */
const STUCK_MS = 20_000;

/** What a round of tasks came to. */
export interface WindowedResult {
  readonly tasks: number;
  readonly seconds: number;
  readonly failed: number;
  /** Tasks that had to repeat something. */
  readonly retransmissions: number;
  readonly p50Us: number;
  readonly p99Us: number;
  readonly maxUs: number;
}

/** Tasks that ended well. */
export function succeeded({ tasks, failed }: WindowedResult): number {
  return tasks - failed;
}

/** What to do for one task; `done` is called when it has ended. */
export interface Task {
  begin(index: number): void;
  /** Sends again what has not been answered. */
  repeat(index: number): void;
}

/** Tasks of a number each, so many at a time; the next begins when one has ended. */
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
   * @param count - how many tasks there are
   * @param window - how many are under way at once
   */
  constructor(count: number, window: number, task: Task) {
    this.#count = count;
    this.#window = window;
    this.#task = task;
  }

  /** @throws Error when nothing ends any more */
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

  /** A task has ended; one that has ended before, or has not begun, is passed over. */
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
