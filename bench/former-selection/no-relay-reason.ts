import type { RefusedPair } from './pairs.js';
import { familiesOf, type PeerHints } from './score.js';
import type { ExcludedRelays } from './select.js';

/**
 * The reason why no relay can serve two peers: none is registered; none may be chosen now; none has
 * an address of a family that a peer can use; no two form a pair and none serves both.
 */
export type NoRelayReason = 'no-relays' | 'none-ready' | 'no-family' | 'no-pair';

/** The reason, and a sentence for people. */
export interface NoRelay {
  readonly reason: NoRelayReason;
  readonly detail: string;
}

/** The result of a failed selection. */
export interface NoRelayInput {
  /** Number of live relays. */
  readonly registered: number;
  readonly excluded: ExcludedRelays;
  /** Number of relays that could serve each peer. */
  readonly candidates: readonly [number, number];
  readonly peers: readonly [PeerHints, PeerHints];
  readonly refused: readonly RefusedPair[];
}

/** Returns the reason why a selection found no pair. */
export function noRelayReason(found: NoRelayInput): NoRelay {
  const { registered, excluded, candidates, peers } = found;
  if (registered === 0) return { reason: 'no-relays', detail: 'no relay is registered' };
  const { draining, unconfirmed, full } = excluded;
  const ready = registered - draining.length - unconfirmed.length - full.length;
  if (ready === 0) {
    const why =
      `${draining.length} drain, ${unconfirmed.length} have just registered, ` +
      `${full.length} are full`;
    return {
      reason: 'none-ready',
      detail: `of ${registered} relays none may be chosen: ${why}`,
    };
  }
  const unserved = candidates.indexOf(0);
  if (unserved !== -1) {
    const families = familiesOf(peers[unserved as 0 | 1]).map((family) => `IPv${family}`);
    const detail =
      `peer ${unserved} can use ${families.join(' and ')} only, ` +
      `and none of ${ready} relays has an address of it`;
    return { reason: 'no-family', detail };
  }
  return { reason: 'no-pair', detail: noPair(found) };
}

function noPair({ candidates, refused }: NoRelayInput): string {
  const count = (wanted: RefusedPair['fault']) =>
    refused.filter(({ fault }) => fault === wanted).length;
  const faults = [
    [count('unreachable'), 'do not reach each other'],
    [count('noCommonFamily'), 'have no trunk address family in common'],
    [count('unknownToEachOther'), 'do not know each other yet'],
  ] as const;
  const parts = faults.filter(([pairs]) => pairs > 0).map(([pairs, what]) => `${pairs} ${what}`);
  const could = `${candidates[0]} and ${candidates[1]} relays could serve the peers`;
  return parts.length === 0
    ? `${could}, but no relay has room for both`
    : `${could}, but of their pairs ${parts.join(', ')}, and no relay can serve both`;
}
