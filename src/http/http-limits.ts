/** Limits of a relay's or directory's HTTP server. */
export const HTTP_LIMITS = {
  /** Maximum body of a peer's request. */
  bodyBytesMax: 32_768,
  /** Maximum body of a relay's request. */
  registrationBodyBytesMax: 196_608,
  /** Maximum header section. */
  headerBytesMax: 8_192,
  /** Maximum time to receive the header section of a request. */
  headersMs: 5_000,
  /** Maximum time to receive a complete request. */
  requestMs: 10_000,
  /** Idle time after which a kept-alive connection is closed. */
  keepAliveMs: 30_000,
  /** Interval of the check for timeouts; Node's default of 30 s is too long. */
  timeoutCheckMs: 1_000,
  /** Maximum time for responses under way when a server stops. */
  farewellMs: 500,
} as const;
