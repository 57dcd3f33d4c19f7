/** First retransmission timeout, RTO (RFC 8489 section 6.2.1). */
export const RTO_MS = 500;

/** Transmissions before a request fails, Rc (RFC 8489 section 6.2.1). */
export const TRANSMISSIONS_MAX = 7;

/** Wait after the last transmission, Rm, in RTOs (RFC 8489 section 6.2.1). */
export const LAST_WAIT_RTOS = 16;

/**
 * Returns the waits of RFC 8489 section 6.2.1: the timeout doubles after each of the Rc
 * transmissions, and the wait after the last one is Rm times the first timeout.
 * @param rtoMs - the first timeout, ms
 * @param transmissions - Rc
 * @returns the wait after each transmission, ms; after the last wait the request has failed
 */
export function standardWaitsMs(rtoMs: number, transmissions = TRANSMISSIONS_MAX): number[] {
  return Array.from({ length: transmissions }, (_, sent) =>
    sent === transmissions - 1 ? rtoMs * LAST_WAIT_RTOS : rtoMs * 2 ** sent,
  );
}
