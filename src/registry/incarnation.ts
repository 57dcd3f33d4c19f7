import { CLOCK_SKEW_MS_MAX, type UnixMs } from '../clock.js';

/**
 * Whether a relay's start may be what its clock said: starts lie in the past, as far as clocks
 * agree.
 * @param now - of this host
 */
export function isPlausibleStart(start: UnixMs, now: UnixMs): boolean {
  return start <= now + CLOCK_SKEW_MS_MAX;
}

/**
 * Whether a registration takes the place of a known one of the same relay. A later start is a later
 * process. An earlier one is an older process, or a registry that is not up to date; but where the
 * known start lies in the future its clock was ahead, and nothing that is started with a right
 * clock would ever come after it.
 * @param known - the start that is known
 * @param start - that of the registration
 * @param now - of this host
 */
export function supersedes(known: UnixMs, start: UnixMs, now: UnixMs): boolean {
  if (start >= known) return true;
  return isPlausibleStart(start, now) && !isPlausibleStart(known, now);
}
