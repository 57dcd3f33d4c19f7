import { CLOCK_SKEW_MS_MAX, type UnixMs } from '../clock.js';
import type { RelayRecord } from './types.js';

declare const INCARNATION: unique symbol;

/**
 * Identifies one incarnation of a relay id. Keys, counters and connections that other relays share
 * with it are valid within one incarnation. It is chosen when the relay is opened, by default from
 * the clock, and must never be lower than an earlier one of the same id. On the wire it is
 * RELAY-START (PROTOCOL.md section 3), in JSON `start`; Unix ms in both. It is not the start time
 * of a process: a process that takes over the state of another keeps its incarnation.
 */
export type Incarnation = number & { readonly [INCARNATION]: true };

/**
 * Returns the incarnation of a RELAY-START.
 * @param start - Unix ms, an integer of at most 2^53 - 1
 */
export function incarnation(start: UnixMs): Incarnation {
  return start as Incarnation;
}

/** Returns the incarnation of a registration. */
export function incarnationOf({ start }: Pick<RelayRecord, 'start'>): Incarnation {
  return incarnation(start);
}

/**
 * Returns whether an incarnation is not in the future, within the clock skew, so that a right clock
 * may have chosen it.
 * @param now - this host's time, Unix ms
 */
export function isPlausible(chosen: Incarnation, now: UnixMs): boolean {
  return chosen <= now + CLOCK_SKEW_MS_MAX;
}

/**
 * Returns whether a registration replaces a known one of the same relay. A higher incarnation is
 * later. A lower one is an earlier process or an outdated registry, except if the known one lies in
 * the future: then its relay's clock was ahead, and no process with a right clock could replace it.
 * @param known - the known incarnation
 * @param next - the registration's incarnation
 * @param now - this host's time, Unix ms
 */
export function supersedes(known: Incarnation, next: Incarnation, now: UnixMs): boolean {
  if (next >= known) return true;
  return isPlausible(next, now) && !isPlausible(known, now);
}
