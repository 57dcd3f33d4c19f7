/** Limits that the directory, relays, clients and the data plane share (PROTOCOL.md). */
export const LIMITS = {
  /** Maximum relays of a registry. */
  relaysMax: 1_024,
  /** Maximum records in a trunk datagram that this relay accepts: as many as fit. */
  recordsMax: 8_185,
  /** Maximum interval of a relay's beats. */
  beatMsMax: 2_000,
  /** Silence after which the directory expires a relay. */
  relayExpiryMs: 5_000,
  /** Maximum service addresses, and trunk addresses, of a registration. */
  relayAddressesMax: 16,
} as const;
