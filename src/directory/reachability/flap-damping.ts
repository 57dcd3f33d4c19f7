/** Initial hold time after the last report; doubles each time the condition returns. */
export const HOLD_MS = 5_000;
/** Maximum hold time. */
export const HOLD_MS_MAX = 120_000;

/** A condition that holds now. */
export interface Condition<Detail> {
  /** Monotonic time at which it began, ms. */
  readonly sinceMs: number;
  /** The detail of its last statement. */
  readonly detail: Detail;
}

interface Entry<Detail> {
  sinceMs: number;
  detail: Detail;
  seenMs: number;
  holdMs: number;
  /** Monotonic time at which it ended, ms; undefined while it holds. */
  endedMs: number | undefined;
}

/**
 * Hold times for which an ended condition is remembered, so that its return doubles the hold time.
 */
const REMEMBERED_HOLDS = 4;

/**
 * Conditions that hold while they are stated, and for a hold time after the last statement. The
 * hold time doubles each time a condition returns, as in route flap damping (RFC 2439), so that a
 * flapping report does not flip the answer each time.
 */
export class DampedConditions<Detail> {
  readonly #entries = new Map<string, Entry<Detail>>();
  /** Keys that a sweep checks: all but those that are held. */
  readonly #lapsing = new Set<string>();

  /**
   * States a condition once; it lapses a hold time later.
   * @returns whether the condition begins
   */
  state(key: string, detail: Detail, nowMs: number): boolean {
    this.#lapsing.add(key);
    return this.#state(key, detail, nowMs);
  }

  /**
   * States a condition until it is released; sweeps skip it meanwhile.
   * @returns whether the condition begins
   */
  hold(key: string, detail: Detail, nowMs: number): boolean {
    this.#lapsing.delete(key);
    return this.#state(key, detail, nowMs);
  }

  /** Ends the statement of a held condition; it lapses a hold time later. */
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

  /**
   * Ends a condition at once.
   * @returns whether it held
   */
  end(key: string, nowMs: number): boolean {
    const entry = this.#entries.get(key);
    if (entry === undefined || entry.endedMs !== undefined) return false;
    entry.endedMs = nowMs;
    this.#lapsing.add(key);
    return true;
  }

  /** Whether no condition holds or is remembered. */
  get empty(): boolean {
    return this.#entries.size === 0;
  }

  /** Returns the condition if it holds. */
  get(key: string): Condition<Detail> | undefined {
    const entry = this.#entries.get(key);
    return entry?.endedMs === undefined ? entry : undefined;
  }

  /** Iterates over every condition that holds. */
  *all(): Iterable<[key: string, condition: Condition<Detail>]> {
    for (const [key, entry] of this.#entries) if (entry.endedMs === undefined) yield [key, entry];
  }

  /**
   * Ends conditions whose hold time is over, and forgets those that ended long ago.
   * @returns the conditions that ended
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
