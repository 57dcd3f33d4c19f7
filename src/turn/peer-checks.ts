import { familyOf, type TransportAddress } from '../address.js';
import type { Allocation, RelayedTransportAddress } from './allocation.js';
import type { TurnContext } from './context.js';
import { embeddedIpv4 } from './embedded-addresses.js';
import { bytesOfIp } from './peer-ranges.js';
import type { RefusalReason } from './refusals.js';
import type { PortRange } from './turn-options.js';

/** The relayed transport address for a peer, or why the peer gets none. */
export type CheckedPeer = RelayedTransportAddress | RefusalReason;

/**
 * Checks a peer's IP address (RFC 8656 sections 10.2 and 12.2). This server's own relayed addresses
 * are allowed, whatever the policy says: other allocations are there. They are refused where an
 * IPv6 address embeds them: a translator would deliver to any port of this server. So are other
 * servers of which only some ports may be reached.
 */
export function checkedPeer(
  context: TurnContext,
  allocation: Allocation,
  peer: TransportAddress,
): CheckedPeer {
  const { addresses, policy } = context;
  const relayed = allocation.ofFamily(familyOf(peer));
  if (relayed === undefined) return 'family-mismatch';
  if (addresses.isOwn(peer.address)) return relayed;
  const isAllowed = policy.check(peer.address) === 'allowed' && !embedsServer(context, peer);
  return isAllowed ? relayed : 'peer-denied';
}

/**
 * Returns the only ports that peers at an IP address may have: those of relayed transport addresses
 * where it is this server's, or another's with services of its own; undefined for all.
 */
export function peerPorts(
  { addresses, policy }: Pick<TurnContext, 'addresses' | 'policy'>,
  address: string,
): PortRange | undefined {
  return addresses.portsOf(address) ?? policy.portsOf?.(address);
}

/** Returns whether a port is in a range. */
export function isInRange(port: number, { min, max }: PortRange): boolean {
  return port >= min && port <= max;
}

/** Returns whether an IPv6 address embeds an IPv4 one of which only some ports may be reached. */
function embedsServer(context: TurnContext, peer: TransportAddress): boolean {
  if (familyOf(peer) === 4) return false;
  return embeddedIpv4(bytesOfIp(peer.address)).some(
    (ipv4) => peerPorts(context, ipv4.join('.')) !== undefined,
  );
}
