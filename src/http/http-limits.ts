/** What an HTTP server of a relay or a directory takes from a client. */
export const HTTP_LIMITS = {
  /** Largest body of a peer's request. */
  bodyBytesMax: 32_768,
  /** Largest body of a relay's request. */
  registrationBodyBytesMax: 196_608,
  /** Largest headers. */
  headerBytesMax: 8_192,
  /** Time for the headers of a request. */
  headersMs: 5_000,
  /** Time for a whole request. */
  requestMs: 10_000,
  /** Time that a connection may be idle between two requests. */
  keepAliveMs: 30_000,
  /** How often sockets over their time are looked for; Node's default of 30 s is too long. */
  timeoutCheckMs: 1_000,
  /** Time for answers under way when a server stops. */
  farewellMs: 500,
} as const;
