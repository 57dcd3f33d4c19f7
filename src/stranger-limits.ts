/**
 * What requests that nobody has proved may cost a relay, and what keeps them from those that are
 * proved: a part of LIMITS (src/limits.ts), where everybody else reads them.
 */
export const STRANGER_LIMITS = {
  /** Challenges a source may cost per second, and at once (IPv4 address or IPv6 /64). */
  challengesPerSecond: 100,
  challengesBurst: 2_000,
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
  /** A 5-tuple is proven for so long after its last authenticated request, or its last leg. */
  provenPeerMs: 60_000,
  /** Proven 5-tuples without a leg: in all, and of one source (IPv4 address or IPv6 /64). */
  provenPeersMax: 8_192,
  provenPeersOfSourceMax: 512,
  /** The most of either that an option may ask for. */
  challengesMax: 1_000_000,
  /** Sources remembered by the challenge budget. */
  challengeSourcesMax: 65_536,
  /** Keys tried for trunk datagrams of ports that are not listed, a second: a relay's, and all. */
  unlistedTriesPerSecond: 10,
  unlistedTriesOfAllPerSecond: 1_000,
  /**
   * Data plane: datagrams handed up in one turn of the event loop, so that others get theirs: of
   * relays, with the events; then of proven peers; then of strangers.
   */
  relaysPerTurnMax: 32,
  puntedPerTurnMax: 64,
  strangersPerTurnMax: 32,
} as const;
