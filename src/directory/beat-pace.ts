import { PART_RELAYS_MAX, parsedVersion } from '../registry/parts.js';
import { REGISTRATION_LIMITS } from '../registry/registration-limits.js';

/** Beats that a directory takes in a second; with more relays, each beats less often. */
export const BEATS_PER_SECOND_MAX = 2_000;

/** Mean interval of beats as a share of the longest, which is drawn from half of it on. */
const MEAN_SHARE = 0.75;
/** Longest intervals without a beat after which a relay has expired. */
const EXPIRY_INTERVALS = 2.5;

/**
 * Returns the longest interval of beats of a relay that reads it, s; undefined while that is
 * `REGISTRATION_LIMITS.beatMsMax`, as for a relay that does not read it.
 * @param relays - number of registered relays
 * @param has - the registry version that the relay has: its parts tell a restarted directory how
 *   many relays come back
 */
export function beatSecondsOf(relays: number, has: string | null): number | undefined {
  const { parts } = parsedVersion(has ?? '');
  const expected = parts === 1 ? 0 : (parts * PART_RELAYS_MAX) / 2;
  const all = Math.min(Math.max(relays, expected), REGISTRATION_LIMITS.relaysMax);
  const seconds = Math.ceil(all / (BEATS_PER_SECOND_MAX * MEAN_SHARE));
  if (1_000 * seconds <= REGISTRATION_LIMITS.beatMsMax) return undefined;
  return Math.min(seconds, REGISTRATION_LIMITS.beatSecondsMax);
}

/** Returns the longest interval of beats that any of so many relays is told, ms. */
export function beatMsOf(relays: number): number {
  return 1_000 * (beatSecondsOf(relays, null) ?? 0) || REGISTRATION_LIMITS.beatMsMax;
}

/** Returns the silence after which a relay has expired, ms. @param beatSeconds - as it was told */
export function expiryMsOf(beatSeconds: number | undefined): number {
  const scaledMs = EXPIRY_INTERVALS * 1_000 * (beatSeconds ?? 0);
  return Math.max(REGISTRATION_LIMITS.relayExpiryMs, scaledMs);
}
