/** Bounds of rooms and of the sockets of peers that wait in them (docs/rendezvous.md). */
export const RENDEZVOUS_LIMITS = {
  /** Maximum sockets of one tenant. */
  socketsPerTenantMax: 2_048,
  /** Maximum rooms. */
  roomsMax: 4_096,
  /** Maximum rooms of one tenant. */
  roomsPerTenantMax: 2_048,
  /** Maximum message length. */
  messageBytesMax: 4_096,
  /** Messages of one socket in a burst. */
  messagesBurst: 20,
  /** Messages of one socket per second, sustained. */
  messagesPerSecond: 5,
  /** Maximum send backlog of a socket; beyond it the socket is destroyed. */
  backlogBytesMax: 65_536,
  /** Interval of pings. */
  pingIntervalMs: 5_000,
  /** Time from opening to the first join. */
  joinMs: 10_000,
  /** Maximum time that a peer waits for the other one. */
  roomWaitMs: 600_000,
} as const;
