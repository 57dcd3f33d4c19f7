/** What bounds rooms and the sockets of peers that wait in them (docs/rendezvous.md). */
export const RENDEZVOUS_LIMITS = {
  /** Sockets of one tenant. */
  socketsPerTenantMax: 2_048,
  /** Rooms in all. */
  roomsMax: 4_096,
  /** Rooms of one tenant. */
  roomsPerTenantMax: 2_048,
  /** Largest message. */
  messageBytesMax: 4_096,
  /** Messages of one socket at once. */
  messagesBurst: 20,
  /** Messages of one socket a second, in the long run. */
  messagesPerSecond: 5,
  /** Bytes that wait for a socket that does not read; beyond it the socket is dropped. */
  backlogBytesMax: 65_536,
  /** Time between two pings. */
  pingIntervalMs: 5_000,
  /** Time for the first join. */
  joinMs: 10_000,
  /** Time that a peer waits for the other one. */
  roomWaitMs: 600_000,
} as const;
