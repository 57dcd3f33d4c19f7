/** Bounds of registrations with a directory; both programs use them (docs/registration.md). */
export const REGISTRATION_LIMITS = {
  /** Maximum relays of a registry. */
  relaysMax: 1_024,
  /**
   * Maximum relays about which a directory remembers something beyond their registration. Only the
   * holder of a relay secret can add one.
   */
  relaysRememberedMax: 4_096,
  /** Maximum service or trunk addresses in a registration. */
  relayAddressesMax: 16,
  /** Maximum interval between two beats of a relay. */
  beatMsMax: 2_000,
  /** The directory forgets a relay after this long without a beat. */
  relayExpiryMs: 5_000,
} as const;
