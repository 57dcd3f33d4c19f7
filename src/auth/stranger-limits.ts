/** Limits of unauthenticated requests at a relay (PROTOCOL.md section 2). */
export const STRANGER_LIMITS = {
  /** Responses per source (IPv4 address or IPv6 /64), per second and in a burst. */
  challengesPerSecond: 100,
  challengesBurst: 2_000,
  /** Maximum of either that an option may set. */
  challengesMax: 1_000_000,
  /** Slots of each table of sources. */
  sourcesMax: 65_536,
  /**
   * Within this time after a proved credential, a source has a budget for challenges that is larger
   * by this factor, so that its neighbours' first requests succeed while its address is forged.
   */
  provenSourceMs: 600_000,
  provenSourceFactor: 10,
  /** Wrong credentials that are checked, of one source and of one port of it. */
  wrongCredentialsPerSecond: 1_000,
  wrongCredentialsBurst: 2_000,
  wrongCredentialsOfPortPerSecond: 5,
  wrongCredentialsOfPortBurst: 50,
} as const;
