/** Lifetimes and bounds of legs. PROTOCOL.md section 2 has those that peers depend on. */
export const LEG_LIMITS = {
  /** Lifetime of a reserved leg after its last Allocate or Refresh. */
  reservedMs: 30_000,
  /** Time in which a Connect must be matched; then it is answered 447. */
  connectMs: 30_000,
  /** LIFETIME of a leg: the default, which is also the minimum, and the maximum. */
  lifetimeSeconds: 600,
  lifetimeSecondsMax: 3_600,
  /** Time before a freed session index or channel number is taken again. */
  quarantineMs: 60_000,
  /** Interval of a silent peer's Binding indications. */
  keepaliveMs: 15_000,
  /** Silence of a peer that ends its leg: more than three keepalives are missing. */
  peerSilentMs: 50_000,
  /** Silence that ends a leg while data goes to the peer, per second of its LIVENESS. */
  peerSilentUnderDataMs: 5_000,
  /** Maximum legs of one relay; half of them for any tenant but `default`. */
  legsMax: 131_072,
  /** Legs that are ended in one go, before other work has its turn. */
  endedAtOnce: 100,
} as const;
