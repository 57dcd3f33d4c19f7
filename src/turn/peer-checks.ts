import { familyOf, type TransportAddress } from '../address.js';
import type { Allocation, RelayedTransportAddress } from './allocation.js';
import type { TurnContext } from './context.js';
import { embeddedIpv4 } from './embedded-addresses.js';
import { bytesOfIp } from './peer-ranges.js';
import type { RefusalReason } from './refusals.js';

/** The relayed transport address for a peer, or why the peer gets none. */
export type CheckedPeer = RelayedTransportAddress | RefusalReason;

/**
 * Checks a peer's IP address (RFC 8656 sections 10.2 and 12.2). This server's own relayed addresses
 * are allowed, whatever the policy says: other allocations are there. They are refused where an
 * IPv6 address embeds them: a translator would deliver to any port of this server.
 */
export function checkedPeer(
  { addresses, policy }: TurnContext,
  allocation: Allocation,
  peer: TransportAddress,
): CheckedPeer {
  const relayed = allocation.ofFamily(familyOf(peer));
  if (relayed === undefined) return 'family-mismatch';
  if (addresses.isOwn(peer.address)) return relayed;
  const isAllowed = policy.check(peer.address) === 'allowed' && !embedsOwn(addresses, peer);
  return isAllowed ? relayed : 'peer-denied';
}

function embedsOwn(addresses: TurnContext['addresses'], peer: TransportAddress): boolean {
  if (familyOf(peer) === 4) return false;
  return embeddedIpv4(bytesOfIp(peer.address)).some((ipv4) => addresses.isOwn(ipv4.join('.')));
}
