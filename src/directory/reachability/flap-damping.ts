/**
 * What is reported counts for this long after the last report, twice as long each time it returns.
 */
export const HOLD_MS = 5_000;
/** The longest such time. */
export const HOLD_MS_MAX = 120_000;

/** Something that holds now. */
export interface Condition<Detail> {
  /** Monotonic time at which it began. */
  readonly sinceMs: number;
  /** What was last said of it. */
  readonly detail: Detail;
}

interface Entry<Detail> {
  sinceMs: number;
  detail: Detail;
  seenMs: number;
  holdMs: number;
  /** When it ended; undefined while it holds. */
  endedMs: number | undefined;
}

/** How many holds a condition that ended is remembered, so that its return is noticed. */
const REMEMBERED_HOLDS = 4;

/**
 * Conditions that hold while they are stated, and for a hold time after the last statement. The
 * hold time doubles each time a condition returns, as in route flap damping (RFC 2439), so that
 * what comes and goes does not change the answer each time.
 */
export class DampedConditions<Detail> {
  readonly #entries = new Map<string, Entry<Detail>>();
  /** Keys of those that a sweep has to look at: not those that stay stated. */
  readonly #lapsing = new Set<string>();

  /**
   * A condition is stated now.
   * @returns whether it begins with this
   */
  state(key: string, detail: Detail, nowMs: number): boolean {
    this.#lapsing.add(key);
    return this.#state(key, detail, nowMs);
  }

  /**
   * A condition is stated until it is released: no sweep looks at it meanwhile.
   * @returns whether it begins with this
   */
  hold(key: string, detail: Detail, nowMs: number): boolean {
    this.#lapsing.delete(key);
    return this.#state(key, detail, nowMs);
  }

  /** What was held is stated no longer. */
  release(key: string, nowMs: number): void {
    const entry = this.#entries.get(key);
    if (entry === undefined) return;
    entry.seenMs = nowMs;
    this.#lapsing.add(key);
  }

  #state(key: string, detail: Detail, nowMs: number): boolean {
    const entry = this.#entries.get(key);
    if (entry === undefined) {
      const holdMs = HOLD_MS;
      this.#entries.set(key, { sinceMs: nowMs, detail, seenMs: nowMs, holdMs, endedMs: undefined });
      return true;
    }
    entry.detail = detail;
    entry.seenMs = nowMs;
    if (entry.endedMs === undefined) return false;
    entry.sinceMs = nowMs;
    entry.endedMs = undefined;
    entry.holdMs = Math.min(2 * entry.holdMs, HOLD_MS_MAX);
    return true;
  }

  /** Ends a condition at once. @returns whether it held */
  end(key: string, nowMs: number): boolean {
    const entry = this.#entries.get(key);
    if (entry === undefined || entry.endedMs !== undefined) return false;
    entry.endedMs = nowMs;
    this.#lapsing.add(key);
    return true;
  }

  /** Whether nothing was stated lately. */
  get empty(): boolean {
    return this.#entries.size === 0;
  }

  /** The condition, if it holds. */
  get(key: string): Condition<Detail> | undefined {
    const entry = this.#entries.get(key);
    return entry?.endedMs === undefined ? entry : undefined;
  }

  /** Every condition that holds. */
  *all(): Iterable<[key: string, condition: Condition<Detail>]> {
    for (const [key, entry] of this.#entries) if (entry.endedMs === undefined) yield [key, entry];
  }

  /**
   * Ends what was not stated for its while, and forgets what ended long ago.
   * @returns what ended
   */
  sweep(nowMs: number): [key: string, condition: Condition<Detail>][] {
    const ended: [string, Condition<Detail>][] = [];
    for (const key of this.#lapsing) {
      const entry = this.#entries.get(key);
      if (entry === undefined) {
        this.#lapsing.delete(key);
      } else if (entry.endedMs === undefined) {
        if (nowMs - entry.seenMs < entry.holdMs) continue;
        entry.endedMs = nowMs;
        ended.push([key, entry]);
      } else if (nowMs - entry.endedMs >= REMEMBERED_HOLDS * entry.holdMs) {
        this.#entries.delete(key);
        this.#lapsing.delete(key);
      }
    }
    return ended;
  }
}
