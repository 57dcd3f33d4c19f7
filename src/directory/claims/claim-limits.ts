/** What bounds the claims of relays to addresses (docs/registration.md). */
export const CLAIM_LIMITS = {
  /** Addresses of one contest. */
  targetsMax: 32,
  /** Contests at a time. */
  contestsMax: 64,
  /** Longest time of a contest. */
  contestMs: 10_000,
  /** A relay that waits for its own addresses can check others for so long after it came. */
  waitingMs: 10_000,
  /** A contest that was won counts for this long: until the winner registers. */
  grantMs: 30_000,
  /** Who lost a contest may begin the next after this long, doubled each time. */
  retryMsMin: 5_000,
  /** The longest such wait. */
  retryMsMax: 120_000,
  /** Where nobody can check, the claim of a silent relay ends after this long. */
  holdMs: 120_000,
} as const;
