/** First retransmission timeout, RTO (RFC 8489 section 6.2.1). */
export const RTO_MS = 500;

/** Transmissions before a request fails, Rc (RFC 8489 section 6.2.1). */
export const TRANSMISSIONS_MAX = 7;

/** Wait after the last transmission, Rm, in RTOs (RFC 8489 section 6.2.1). */
export const LAST_WAIT_RTOS = 16;
