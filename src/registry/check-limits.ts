/** Limits of the checks that the directory appoints to relays; shared by both. */
export const CHECK_LIMITS = {
  /** Checkers of one claimant. */
  claimCheckersMax: 4,
  /** Maximum addresses that one relay challenges. */
  claimChallengesMax: 64,
  /** Maximum service addresses that one relay checks. */
  serviceChecksMax: 32,
  /** Interval of checks of one service address. */
  serviceCheckIntervalMs: 1_000,
  /** Unanswered checks in a row after which a service address counts as not answering. */
  serviceCheckFailures: 3,
} as const;
