import { familyOf, type TransportAddress } from '../address.js';
import type { Allocation, RelayedTransportAddress } from './allocation.js';
import type { TurnContext } from './context.js';
import type { RefusalReason } from './refusals.js';

/** The relayed transport address for a peer, or why the peer gets none. */
export type CheckedPeer = RelayedTransportAddress | RefusalReason;

/**
 * Checks a peer's IP address (RFC 8656 sections 10.2 and 12.2). This server's own relayed addresses
 * are allowed, whatever the policy says: other allocations are there.
 */
export function checkedPeer(
  { addresses, policy }: TurnContext,
  allocation: Allocation,
  peer: TransportAddress,
): CheckedPeer {
  const relayed = allocation.ofFamily(familyOf(peer));
  if (relayed === undefined) return 'family-mismatch';
  const isAllowed = addresses.isOwn(peer.address) || policy.check(peer.address) === 'allowed';
  return isAllowed ? relayed : 'peer-denied';
}
