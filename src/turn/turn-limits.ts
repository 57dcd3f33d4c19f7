/** Times and bounds of TURN. */
export const TURN_LIMITS = {
  /** Default LIFETIME of an allocation, which is also the minimum (RFC 8656 sections 3.2, 7.2). */
  lifetimeSeconds: 600,
  /** Default maximum LIFETIME of an allocation (RFC 8656 section 7.2 recommends it). */
  lifetimeSecondsMax: 3_600,
  /** Lifetime of a permission (RFC 8656 section 9). */
  permissionSeconds: 300,
  /** Lifetime of a channel (RFC 8656 section 12). */
  channelSeconds: 600,
  /**
   * Time after a channel's expiry in which its number and its peer are bound to nothing else (RFC
   * 8656 section 12).
   */
  channelRestSeconds: 300,
  /** Time for which a retransmitted request gets the same response (RFC 8656 section 7.2). */
  responseKeptMs: 40_000,
  /** Maximum responses kept for retransmissions; the user with most loses the oldest one. */
  responsesKeptMax: 65_536,
  /** Time for which a reserved port waits for its RESERVATION-TOKEN (RFC 8656 section 7.2). */
  reservationMs: 30_000,
  /** Time before a freed port is taken again, unless no other is left. */
  portRestMs: 60_000,
  /** Maximum ports that are tried for one relayed transport address if others have bound them. */
  portTries: 8,
  /** Minimum time between two moves of an allocation to another 5-tuple. */
  moveIntervalMs: 400,
  /** Entries that are ended in one go, before other work has its turn. */
  endedAtOnce: 100,
  /** Permissions and channels that a changed peer policy judges in one go. */
  judgedAtOnce: 1_000,
} as const;
