/** What bounds the checks that the directory appoints relays to; both programs know them. */
export const CHECK_LIMITS = {
  /** Relays that check one claimant. */
  claimCheckersMax: 4,
  /** Addresses that one relay challenges for claims. */
  claimChallengesMax: 64,
  /** Service addresses that one relay checks. */
  serviceChecksMax: 32,
  /** Time between two checks of one service address. */
  serviceCheckIntervalMs: 1_000,
  /** Checks in vain after which a service address does not answer. */
  serviceCheckFailures: 3,
} as const;
