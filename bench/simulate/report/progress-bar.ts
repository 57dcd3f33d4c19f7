import { timeText } from '../../load/progress.js';

/** Where the bar is written. */
export interface BarOutput {
  readonly isTTY?: boolean;
  write(text: string): unknown;
}

const WIDTH = 28;
/** On something other than a terminal a line is written at each such share. */
const LINE_SHARE = 0.1;

/** Shows how far a run is: one line that is overwritten on a terminal, else a line now and then. */
export class ProgressBar {
  readonly #total: number;
  readonly #output: BarOutput;
  readonly #nowMs: () => number;
  readonly #beganMs: number;
  #done = 0;
  #shown = -1;

  /** @param total - number of steps */
  constructor(total: number, output: BarOutput, nowMs: () => number) {
    this.#total = total;
    this.#output = output;
    this.#nowMs = nowMs;
    this.#beganMs = nowMs();
  }

  /** Shows that a step begins. */
  step(what: string): void {
    const share = Math.min(1, this.#done / this.#total);
    this.#done += 1;
    const spentMs = this.#nowMs() - this.#beganMs;
    const left = share < 0.02 ? '' : `, ${timeText((spentMs / share) * (1 - share))} left`;
    const filled = Math.round(share * WIDTH);
    const bar = '█'.repeat(filled) + '░'.repeat(WIDTH - filled);
    const line = `${bar} ${Math.round(100 * share)} %${left}: ${what}`;
    if (this.#output.isTTY === true) this.#output.write(`\r\x1b[2K${line}`);
    else if (Math.floor(share / LINE_SHARE) > this.#shown) {
      this.#shown = Math.floor(share / LINE_SHARE);
      this.#output.write(`${line}\n`);
    }
  }

  /** Removes the line. */
  end(): void {
    if (this.#output.isTTY === true) this.#output.write('\r\x1b[2K');
  }
}
