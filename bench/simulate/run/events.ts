import type { Call } from '../world/calls.js';

/** What happens to a call at a moment. */
export const EVENT = { minute: 0, judge: 1, end: 2 } as const;

/** One event. */
export interface CallEvent {
  readonly atMs: number;
  readonly kind: (typeof EVENT)[keyof typeof EVENT];
  readonly call: number;
  /** Minute of the call, or number of the judged moment. */
  readonly number: number;
}

/**
 * Returns all events of calls in the order of time: each of their minutes, the moments at which
 * they are judged, and their ends.
 */
export function callEvents(calls: readonly Call[]): CallEvent[] {
  const events: CallEvent[] = [];
  for (const { index, atMs, minutes, momentsMs } of calls) {
    for (let minute = 0; minute < minutes; minute++) {
      events.push({
        atMs: atMs + minute * 60_000,
        kind: EVENT.minute,
        call: index,
        number: minute,
      });
    }
    for (const [number, momentMs] of momentsMs.entries()) {
      events.push({ atMs: momentMs, kind: EVENT.judge, call: index, number });
    }
    const endMs = atMs + minutes * 60_000;
    events.push({ atMs: endMs, kind: EVENT.end, call: index, number: 0 });
  }
  return events.sort((x, y) => x.atMs - y.atMs || x.call - y.call || x.kind - y.kind);
}
