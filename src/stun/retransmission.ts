/** RFC 8489 section 6.2.1: the first retransmission timeout (RTO). */
export const RTO_MS = 500;

/** RFC 8489 section 6.2.1: requests sent before giving up (Rc). */
export const REQUESTS_MAX = 7;

/** RFC 8489 section 6.2.1: the last wait, in RTOs (Rm). */
export const LAST_WAIT_RTOS = 16;
