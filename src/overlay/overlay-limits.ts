/** Bounds of a relay's legs that peers do not depend on. */
export const OVERLAY_LIMITS = {
  /** Time before a freed channel number is taken again. */
  quarantineMs: 60_000,
  /** Silence of a peer that ends its leg: more than three keepalives are missing. */
  peerSilentMs: 50_000,
  /** Silence that ends a leg while data goes to the peer, per second of its LIVENESS. */
  peerSilentUnderDataMs: 5_000,
  /** Maximum legs of one relay; half of them for any tenant but `default`. */
  legsMax: 131_072,
  /** Legs that are ended in one go, before other work has its turn. */
  endedAtOnce: 100,
} as const;
