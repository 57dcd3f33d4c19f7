import { CLOCK_SKEW_MS_MAX, type UnixMs } from '../clock.js';
import type { RelayRecord } from './types.js';

declare const INCARNATION: unique symbol;

/**
 * One life of a relay under its id: whatever other relays agree with it, keys, counters and
 * connections, holds within one incarnation. Whoever opens the relay chooses it once, by default
 * from the clock, and it is never lower than an earlier one of the same id. On the wire it is
 * RELAY-START (PROTOCOL.md section 3), in JSON `start`, Unix milliseconds in both. It says nothing
 * of the age of a process: a process that takes over the state of another keeps its incarnation.
 */
export type Incarnation = number & { readonly [INCARNATION]: true };

/** @param start - RELAY-START: Unix milliseconds, an integer of at most 2^53 - 1 */
export function incarnation(start: UnixMs): Incarnation {
  return start as Incarnation;
}

/** The incarnation that a relay has registered. */
export function incarnationOf({ start }: Pick<RelayRecord, 'start'>): Incarnation {
  return incarnation(start);
}

/**
 * Whether a relay may have chosen an incarnation by its clock: it lies in the past, as far as
 * clocks agree.
 * @param now - of this host
 */
export function isPlausible(chosen: Incarnation, now: UnixMs): boolean {
  return chosen <= now + CLOCK_SKEW_MS_MAX;
}

/**
 * Whether a registration takes the place of a known one of the same relay. A higher incarnation is
 * a later one. A lower one is an earlier one, or a registry that is not up to date; but where the
 * known one lies in the future its relay's clock was ahead, and nothing that is started with a
 * right clock would ever come after it.
 * @param known - the incarnation that is known
 * @param next - that of the registration
 * @param now - of this host
 */
export function supersedes(known: Incarnation, next: Incarnation, now: UnixMs): boolean {
  if (next >= known) return true;
  return isPlausible(next, now) && !isPlausible(known, now);
}
