/**
 * Every default and bound of the TypeScript side, in one place. RFC constants stand apart from our
 * own. The native side's are in `native/base/limits.h`; where both need one, a test compares them.
 */

/** Turnpike's own limits and defaults (PROTOCOL.md). */
export const LIMITS = {
  /** Relays that a registry may hold. */
  relaysMax: 1_024,
  /** Records in one trunk datagram that this relay accepts: as many as a datagram can hold. */
  recordsMax: 8_185,
  /** A relay beats at a random interval between these two. */
  beatMsMax: 2_000,
  /** A relay that has not beaten for this long is forgotten by the directory. */
  relayExpiryMs: 5_000,
  /** Service or trunk addresses that a registration may list. */
  relayAddressesMax: 16,
} as const;
