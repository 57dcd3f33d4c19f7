/** Bounds of registrations with a directory; both programs use them (docs/registration.md). */
export const REGISTRATION_LIMITS = {
  /** Maximum relays of a registry. */
  relaysMax: 10_240,
  /**
   * Maximum relays about which a directory remembers something beyond their registration. Only the
   * holder of a relay secret can add one.
   */
  relaysRememberedMax: 16_384,
  /** Maximum service or trunk addresses in a registration. */
  relayAddressesMax: 16,
  /** Maximum entries of each list of a reachability report. */
  reportEntriesMax: 1_024,
  /** Maximum interval between two beats of a relay that is told no other one. */
  beatMsMax: 2_000,
  /** Maximum interval that a directory of many relays tells. */
  beatSecondsMax: 7,
  /** The directory forgets a relay after this long without a beat, or 2.5 intervals if longer. */
  relayExpiryMs: 5_000,
} as const;
