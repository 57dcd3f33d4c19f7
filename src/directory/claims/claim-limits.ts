/** Bounds of relays' claims to addresses (docs/registration.md, Claims). */
export const CLAIM_LIMITS = {
  /** Maximum addresses of the claimant in one contest. */
  targetsMax: 32,
  /** Maximum contests under way. */
  contestsMax: 64,
  /** Maximum duration of a contest. */
  contestMs: 10_000,
  /** Time after its last attempt to register in which a contested relay can check others. */
  waitingMs: 10_000,
  /** Time in which the winner of a contest can register the addresses. */
  grantMs: 30_000,
  /** Initial back-off after a lost contest; doubles with each further loss. */
  retryMsMin: 5_000,
  /** Maximum back-off after a lost contest. */
  retryMsMax: 120_000,
  /** Time after its expiry at which a relay loses a claim that no relay can check. */
  holdMs: 120_000,
} as const;
