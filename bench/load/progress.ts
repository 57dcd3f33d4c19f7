/** Prints each step with an estimate of the time left. */
export class ProgressLine {
  #total: number;
  readonly #write: (line: string) => void;
  readonly #nowMs: () => number;
  readonly #beginMs: number;
  #done = 0;

  /**
   * @param total - maximum number of steps
   * @param write - called with each line
   * @param nowMs - returns the time, ms
   */
  constructor(total: number, write: (line: string) => void, nowMs: () => number) {
    this.#total = total;
    this.#write = write;
    this.#nowMs = nowMs;
    this.#beginMs = nowMs();
  }

  /** Prints that a step begins. */
  step(what: string): void {
    const spentMs = this.#nowMs() - this.#beginMs;
    const left = this.#done === 0 ? '' : `, ${timeText(this.#leftMs(spentMs))} left`;
    this.#done++;
    this.#write(`[${this.#done}/${Math.max(this.#total, this.#done)}${left}] ${what}`);
  }

  /** Removes steps that are not needed from the estimate. */
  skip(steps: number): void {
    this.#total -= steps;
  }

  #leftMs(spentMs: number): number {
    return (spentMs / this.#done) * Math.max(0, this.#total - this.#done);
  }
}

/** Returns a duration as text: `40 s`, `12 min`. */
export function timeText(durationMs: number): string {
  const seconds = Math.ceil(durationMs / 1000);
  return seconds < 100 ? `${seconds} s` : `${Math.round(seconds / 60)} min`;
}
