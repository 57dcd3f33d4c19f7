/** Limits of rendezvous sockets that directories and peers share (docs/rendezvous.md). */
export const WEB_SOCKET_LIMITS = {
  /** Maximum rendezvous sockets. */
  socketsMax: 4_096,
  /** Silence after which either end closes the socket. */
  silenceMs: 15_000,
  /** Time within which the members of a full room must answer a ping. */
  probeMs: 2_000,
} as const;
