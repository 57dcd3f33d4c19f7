/** What a directory and its peers agree on about the sockets of rooms (docs/rendezvous.md). */
export const WEB_SOCKET_LIMITS = {
  /** Sockets of peers that wait in rooms. */
  socketsMax: 4_096,
  /** Silence that ends a socket, at either end. */
  silenceMs: 15_000,
  /** Time in which the members of a full room answer a ping. */
  probeMs: 2_000,
} as const;
