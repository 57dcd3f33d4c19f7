/** Lifetimes and bounds of legs. PROTOCOL.md section 2 has those that a peer relies on. */
export const LEG_LIMITS = {
  /** A leg without a Connect ends this long after its last Allocate or Refresh. */
  reservedMs: 30_000,
  /** A Connect that is not matched in this time is answered with 447. */
  connectMs: 30_000,
  /** LIFETIME of a leg: the default, which is also the shortest, and the longest. */
  lifetimeSeconds: 600,
  lifetimeSecondsMax: 3_600,
  /** A session index or channel number that was freed is not given again for this long. */
  quarantineMs: 60_000,
  /** A peer that has sent nothing for this long sends a Binding indication. */
  keepaliveMs: 15_000,
  /** Silence of a peer that ends its leg: more than three keepalives are missing. */
  peerSilentMs: 50_000,
  /** The same under data to the peer, for each second of its LIVENESS. */
  peerSilentUnderDataMs: 5_000,
  /** Legs of one relay; half of them for any tenant but `default`. */
  legsMax: 131_072,
  /** Legs that are ended in one go, before other work has its turn. */
  endedAtOnce: 100,
} as const;
