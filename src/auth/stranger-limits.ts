/** What requests that nobody has proved may cost a relay (PROTOCOL.md section 2). */
export const STRANGER_LIMITS = {
  /** Answers that a source may cost per second, and at once (IPv4 address or IPv6 /64). */
  challengesPerSecond: 100,
  challengesBurst: 2_000,
  /** The most of either that an option may ask for. */
  challengesMax: 1_000_000,
  /** Places of each table of sources. */
  sourcesMax: 65_536,
  /**
   * A source that proved a credential within this time has a larger budget for challenges, by this
   * factor: its neighbours' first requests get in although somebody forges its address.
   */
  provenSourceMs: 600_000,
  provenSourceFactor: 10,
  /** Wrong credentials that are looked at: of one source, and of one port of it. */
  wrongCredentialsPerSecond: 1_000,
  wrongCredentialsBurst: 2_000,
  wrongCredentialsOfPortPerSecond: 5,
  wrongCredentialsOfPortBurst: 50,
} as const;
