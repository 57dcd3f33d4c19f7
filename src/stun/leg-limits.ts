/** Bounds of legs that peers and relays agree on (PROTOCOL.md section 2). */
export const LEG_LIMITS = {
  /** Lifetime of a reserved leg after its last Allocate or Refresh. */
  reservedMs: 30_000,
  /** Time in which a Connect must be matched; then it is answered 447. */
  connectMs: 30_000,
  /** LIFETIME of a leg: the default, which is also the minimum, and the maximum. */
  lifetimeSeconds: 600,
  lifetimeSecondsMax: 3_600,
  /** Interval of a silent peer's Binding indications. */
  keepaliveMs: 15_000,
  /** Highest channel number of a leg: the last of RFC 8656 section 12. */
  channelMax: 0x4fff,
} as const;
