import type { FallbackResult } from './fallback.js';
import type { RelayRow } from './relay-facts.js';
import { familiesOf, type SelectionRequest } from './request.js';
import type { SelectionSnapshot } from './snapshot.js';

/** `retryAfterSeconds` when no relay can serve. */
export const NO_RELAY_RETRY_SECONDS = 2;

/**
 * The reason why no relay can serve two peers: none is registered; none may be chosen now, or none
 * that the tenant allows; none has an address of a family that a peer can use; no two form a pair
 * and none serves both.
 */
export type NoRelayReason = 'no-relays' | 'none-ready' | 'no-family' | 'no-pair';

/** The reason, and a sentence for people. */
export interface NoRelay {
  readonly reason: NoRelayReason;
  readonly detail: string;
}

/** Returns the reason why a selection found no pair. */
export function noRelayReason(
  snapshot: SelectionSnapshot,
  { peers, allowed }: SelectionRequest,
  found: FallbackResult,
): NoRelay {
  const live = snapshot.relays.filter((row) => row !== undefined);
  if (live.length === 0) return { reason: 'no-relays', detail: 'no relay is registered' };
  const count = (is: (row: RelayRow) => boolean) => live.filter(is).length;
  const draining = count(({ status }) => status.draining);
  const unconfirmed = count(({ status }) => !status.draining && !status.confirmed);
  const isBarred = ({ facts: { region, provider } }: RelayRow) =>
    allowed?.regions?.has(region) === false ||
    (allowed?.providers !== undefined && !allowed.providers.has(provider ?? ''));
  const barred = count((row) => !row.status.draining && row.status.confirmed && isBarred(row));
  const ready = live.length - draining - unconfirmed - barred;
  if (ready === 0) {
    const others = barred === 0 ? '' : `, ${barred} are not allowed to the tenant`;
    const why = `${draining} drain, ${unconfirmed} have just registered${others}`;
    return { reason: 'none-ready', detail: `of ${live.length} relays none may be chosen: ${why}` };
  }
  const unserved = found.candidates.indexOf(0);
  if (unserved !== -1) {
    const families = familiesOf(peers[unserved as 0 | 1]).map((family) => `IPv${family}`);
    const detail =
      `peer ${unserved} can use ${families.join(' and ')} only, ` +
      `and none of ${ready} relays has an address of it`;
    return { reason: 'no-family', detail };
  }
  return { reason: 'no-pair', detail: noPair(found) };
}

function noPair({ candidates, faults }: FallbackResult): string {
  const reasons = [
    [faults.unreachable, 'do not reach each other'],
    [faults.noCommonFamily, 'have no trunk address family in common'],
    [faults.unknownToEachOther, 'do not know each other yet'],
  ] as const;
  const parts = reasons.filter(([pairs]) => pairs > 0).map(([pairs, what]) => `${pairs} ${what}`);
  const could = `${candidates[0]} and ${candidates[1]} relays could serve the peers`;
  return `${could}, but of their pairs ${parts.join(', ')}, and no relay can serve both`;
}
