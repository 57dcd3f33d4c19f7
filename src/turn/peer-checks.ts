import { familyOf, type TransportAddress } from '../address.js';
import type { Allocation, RelayedTransportAddress } from './allocation.js';
import type { TurnContext } from './context.js';
import { embeddedIpv4 } from './embedded-addresses.js';
import { bytesOfIp } from './peer-ranges.js';
import type { RefusalReason } from './refusals.js';
import type { PortRange } from './turn-options.js';

/** What decides about a peer's IP address. */
type PeerJudges = Pick<TurnContext, 'addresses' | 'policy'>;

/** The relayed transport address for a peer, or why the peer gets none. */
export type CheckedPeer = RelayedTransportAddress | RefusalReason;

/**
 * Checks a peer (RFC 8656 sections 10.2 and 12.2): its family first, then its IP address
 * (`isAllowed`).
 */
export function checkedPeer(
  context: TurnContext,
  allocation: Allocation,
  peer: TransportAddress,
): CheckedPeer {
  const relayed = allocation.ofFamily(familyOf(peer));
  if (relayed === undefined) return 'family-mismatch';
  return isAllowed(context, peer.address) ? relayed : 'peer-denied';
}

/**
 * Returns whether clients may have an IP address as a peer. This server's own relayed addresses are
 * allowed, whatever the policy says: other allocations are there. They are refused where an IPv6
 * address embeds them: a translator would deliver to any port of this server. So are other servers
 * of which only some ports may be reached.
 * @param address - canonical
 */
export function isAllowed(context: PeerJudges, address: string): boolean {
  const { addresses, policy } = context;
  if (addresses.isOwn(address)) return true;
  return policy.check(address) === 'allowed' && !embedsServer(context, address);
}

/**
 * Returns the only ports that peers at an IP address may have: those of relayed transport addresses
 * where it is this server's, or another's with services of its own; undefined for all.
 */
export function peerPorts(
  { addresses, policy }: PeerJudges,
  address: string,
): PortRange | undefined {
  return addresses.portsOf(address) ?? policy.portsOf?.(address);
}

/** Returns whether a port is in a range. */
export function isInRange(port: number, { min, max }: PortRange): boolean {
  return port >= min && port <= max;
}

/** Returns whether an IPv6 address embeds an IPv4 one of which only some ports may be reached. */
function embedsServer(context: PeerJudges, address: string): boolean {
  const bytes = bytesOfIp(address);
  if (bytes.length === 4) return false;
  return embeddedIpv4(bytes).some((ipv4) => peerPorts(context, ipv4.join('.')) !== undefined);
}
