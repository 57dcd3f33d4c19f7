/** What bounds the claims of relays to addresses (docs/registration.md), a part of `LIMITS`. */
export const CLAIM_LIMITS = {
  /** Relays that check one claimant, the addresses of one contest, and those of one checker. */
  claimCheckers: 4,
  claimTargetsMax: 32,
  claimChallengesMax: 64,
  /** Contests of addresses at a time, and how long one lasts at most. */
  claimContestsMax: 64,
  claimContestMs: 10_000,
  /** A relay that waits for its own addresses can be asked to check for so long after it came. */
  claimWaitingMs: 10_000,
  /** A contest that was won counts for this long: until the winner registers. */
  claimGrantMs: 30_000,
  /** Who lost a contest may begin the next after this long, doubled each time. */
  claimRetryMsMin: 5_000,
  claimRetryMsMax: 120_000,
  /** Where nobody can check, the claim of a relay that fell silent ends after this long. */
  claimHoldMs: 120_000,
  /** A challenge is repeated this often, so many times. */
  claimChallengeMs: 500,
  claimChallengesSent: 6,
  /** Challenges that a relay looks at, and answers, a second: of known hosts, and of all others. */
  claimTriesPerSecond: 2_000,
  claimAnswersPerSecond: 200,
} as const;
