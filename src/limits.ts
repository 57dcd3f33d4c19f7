/** Limits that the directory, relays, clients and the data plane share (PROTOCOL.md). */
export const LIMITS = {
  /** Relays that a registry may hold. */
  relaysMax: 1_024,
  /** Records in one trunk datagram that this relay accepts: as many as a datagram can hold. */
  recordsMax: 8_185,
  /** The longest time between two beats of a relay. */
  beatMsMax: 2_000,
  /** A relay that has not beaten for this long is forgotten by the directory. */
  relayExpiryMs: 5_000,
  /** Service or trunk addresses that a registration may list. */
  relayAddressesMax: 16,
} as const;
