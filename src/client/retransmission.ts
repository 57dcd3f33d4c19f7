import { LEG_LIMITS } from '../overlay/leg-limits.js';
import { RoundTrip } from '../round-trip.js';
import { LAST_WAIT_RTOS, REQUESTS_MAX, RTO_MS } from '../stun/retransmission.js';
import { RELAY_UNRESPONSIVE_MS } from './relay-liveness.js';

/** A peer waits this much longer than a Connect may take, for the relay's own 447. */
export const CONNECT_GRACE_MS = 2_000;

/** Refreshes of one check of a relay are this far apart. */
export const CHECK_REPEAT_MS = 500;

/** Waits of a Connect that are as long as the first. */
const CONNECTS_SOON = 3;

/**
 * The waits of a request of RFC 8489 section 6.2.1: after each of the Rc transmissions the
 * timeout doubles, and the last one is waited on for Rm times the first timeout.
 * @param rtoMs - the first timeout, milliseconds
 * @returns how long to wait after each transmission; when the last wait ends, the request failed
 */
export function standardWaitsMs(rtoMs: number): number[] {
  return Array.from({ length: REQUESTS_MAX }, (_, sent) =>
    sent === REQUESTS_MAX - 1 ? rtoMs * LAST_WAIT_RTOS : rtoMs * 2 ** sent,
  );
}

/**
 * The waits of an Allocate: so that a relay which is not there is given up in seconds, and another
 * asked for. Repeated after 250 ms, then at most 500 ms apart; where three of ten packets are lost,
 * each way, one in a hundred such attempts fails in 3 s.
 * @param totalMs - from the first transmission to the end
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
 * The waits of a Connect, whose answer comes only when the other peer has connected too: sent
 * again at most 1 s apart until 30 s after the first (PROTOCOL.md section 2), then a little longer
 * for the relay's own 447. The first few are closer together, because the relays repeat to each
 * other what they may have lost only when a peer repeats its Connect.
 * @param rtoMs - the first timeout, milliseconds
 * @param elapsedMs - since the operation's first Connect, which a new nonce may have preceded
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
 * The waits of a Refresh that asks whether the relay is there: closer together than RFC 8489's, so
 * that a path that loses one packet in ten, each way, is not taken for a dead relay. Whoever asks
 * ends it before they are over.
 */
export function livenessCheckWaitsMs(): number[] {
  const questions = 2 * (RELAY_UNRESPONSIVE_MS / CHECK_REPEAT_MS);
  return Array.from({ length: questions }, () => CHECK_REPEAT_MS);
}

/**
 * The waits of the Refresh that closes a connection: three tries in 2 s. A relay that hears none
 * of them drops the leg when its lifetime ends, so waiting longer would only delay the caller.
 */
export function closeWaitsMs(): number[] {
  return [500, 1_000, 500];
}

/** The round trip to a relay, by requests that were sent once. */
export class RelayRoundTrip extends RoundTrip {
  /** The retransmission timeout, never under the 500 ms of RFC 8489 section 6.2.1. */
  get rtoMs(): number {
    return this.timeoutMs({ firstMs: RTO_MS, minMs: RTO_MS });
  }
}
