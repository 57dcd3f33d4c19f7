import { RoundTrip } from '../round-trip.js';
import { LEG_LIMITS } from '../stun/leg-limits.js';
import { RTO_MS } from '../stun/transmission-limits.js';
import { RELAY_UNRESPONSIVE_MS } from './relay-check.js';

/** Time that a peer waits beyond a Connect's 30 s, for the relay's own 447. */
export const CONNECT_GRACE_MS = 2_000;

/** Interval of the Refreshes of one check of a relay. */
export const CHECK_REPEAT_MS = 500;

/** Number of a Connect's waits that are as long as the first. */
const CONNECTS_SOON = 3;

/**
 * Returns the waits of an Allocate: a relay that is not there is given up within seconds, so that
 * another can be requested. The first wait is 250 ms, later ones are 500 ms. With 30 % packet loss
 * in each direction, one attempt in a hundred fails within 3 s.
 * @param totalMs - time from the first transmission to the end, ms
 * @returns as `standardWaitsMs`
 */
export function allocateWaitsMs(totalMs: number): number[] {
  const waitsMs: number[] = [];
  let leftMs = totalMs;
  for (let waitMs = 250; leftMs > 2 * waitMs; waitMs = 500) {
    waitsMs.push(waitMs);
    leftMs -= waitMs;
  }
  waitsMs.push(leftMs);
  return waitsMs;
}

/**
 * Returns the waits of a Connect, whose response comes only when the other peer has connected too:
 * at most 1 s between transmissions until 30 s after the first (PROTOCOL.md section 2), then
 * CONNECT_GRACE_MS for the relay's own 447. The first waits are shorter, because relays repeat lost
 * messages to each other only when a peer repeats its Connect.
 * @param rtoMs - the first timeout, ms
 * @param elapsedMs - time since the first Connect, which a challenge may have followed, ms
 * @returns as `standardWaitsMs`
 */
export function connectWaitsMs(rtoMs: number, elapsedMs: number): number[] {
  const waitsMs: number[] = [];
  let spentMs = elapsedMs;
  let waitMs = Math.min(rtoMs, 1_000);
  while (spentMs + waitMs < LEG_LIMITS.connectMs) {
    waitsMs.push(waitMs);
    spentMs += waitMs;
    if (waitsMs.length >= CONNECTS_SOON) waitMs = Math.min(waitMs * 2, 1_000);
  }
  waitsMs.push(Math.max(0, LEG_LIMITS.connectMs - spentMs) + CONNECT_GRACE_MS);
  return waitsMs;
}

/**
 * Returns the waits of a Refresh that checks a relay: shorter than in RFC 8489, so that a path with
 * 10 % loss in each direction does not make the relay look dead. The caller aborts it earlier.
 */
export function livenessCheckWaitsMs(): number[] {
  const questions = 2 * (RELAY_UNRESPONSIVE_MS / CHECK_REPEAT_MS);
  return Array.from({ length: questions }, () => CHECK_REPEAT_MS);
}

/**
 * Returns the waits of the Refresh that closes a connection: three transmissions in 2 s. A relay
 * that receives none of them drops the leg at the end of its lifetime.
 */
export function closeWaitsMs(): number[] {
  return [500, 1_000, 500];
}

/** The round trip to a relay, measured by requests that were transmitted once. */
export class RelayRoundTrip extends RoundTrip {
  /** Retransmission timeout, ms; at least the 500 ms of RFC 8489 section 6.2.1. */
  get rtoMs(): number {
    return this.timeoutMs({ firstMs: RTO_MS, minMs: RTO_MS });
  }
}
