import type { Logger } from 'pino';
import type { Clock } from '../clock.js';
import { LineLimiter } from './line-limiter.js';

/** Seconds whose lines may be written at once. */
const BURST_SECONDS = 4;

/** The level of the lines of a kind, and how many are written per second at most. */
export interface LineKind {
  readonly level: 'warn' | 'info' | 'debug';
  readonly perSecond: number;
}

/**
 * Limits the rate of lines that traffic causes. Each kind, named by its event, has a budget of its
 * own, so that none hides another. Omitted lines are counted, and their number is logged.
 */
export class LineBudgets<Kind extends string> {
  readonly #kinds: Readonly<Record<Kind, LineKind>>;
  readonly #logger: Logger;
  readonly #clock: Clock;
  readonly #limiters: ReadonlyMap<Kind, LineLimiter>;
  readonly #omitted: Map<Kind, number>;
  #saidOmittedAt: number;

  constructor(kinds: Readonly<Record<Kind, LineKind>>, clock: Clock, logger: Logger) {
    this.#kinds = kinds;
    this.#logger = logger;
    this.#clock = clock;
    const names = Object.keys(kinds) as Kind[];
    this.#limiters = new Map(
      names.map((kind) => {
        const { perSecond } = kinds[kind];
        return [kind, new LineLimiter({ perSecond, burst: BURST_SECONDS * perSecond }, clock)];
      }),
    );
    this.#omitted = new Map(names.map((kind) => [kind, 0]));
    this.#saidOmittedAt = clock.monotonic();
  }

  /** Number of omitted lines whose number was logged, by kind. */
  get omitted(): ReadonlyMap<Kind, number> {
    return this.#omitted;
  }

  /** Returns whether a line is to be written now, and takes it from the budget of its kind. */
  take(kind: Kind): boolean {
    return (
      isEnabled(this.#logger, this.#kinds[kind].level) && this.#limiters.get(kind)?.take() === true
    );
  }

  /** Logs the number of omitted lines, at most once a second. */
  tick(): void {
    const now = this.#clock.monotonic();
    if (now - this.#saidOmittedAt < 1_000) return;
    this.#saidOmittedAt = now;
    for (const [kind, limiter] of this.#limiters) this.#sayOmitted(kind, limiter.takeOmitted());
  }

  #sayOmitted(of: Kind, lines: number): void {
    if (lines === 0) return;
    this.#omitted.set(of, (this.#omitted.get(of) ?? 0) + lines);
    this.#logger[this.#kinds[of].level](
      { event: 'lines-omitted', of, lines },
      `${lines} lines like those of event ${of} are left out`,
    );
  }
}

/**
 * Returns whether a level is enabled. A logger that is not pino may not tell, so it gets all lines.
 */
function isEnabled(logger: Logger, level: LineKind['level']): boolean {
  return typeof logger.isLevelEnabled !== 'function' || logger.isLevelEnabled(level);
}
