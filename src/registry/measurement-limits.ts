/** Limits of what relays measure for a directory; shared by both (docs/registration.md). */
export const MEASUREMENT_LIMITS = {
  /** Trunks in one beat; as many networks of peers. */
  entriesMax: 128,
  /** Longest round trip, and largest jitter and deviation, that a report has. */
  roundTripMsMax: 10_000,
  /** Largest count of an entry. */
  countMax: 1_000_000,
} as const;
