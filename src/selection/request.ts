import type { AddressFamily } from '../address.js';

/** A peer's hints; every member is optional (PROTOCOL.md section 5). */
export interface PeerHints {
  /** The peer's public IP address, canonical text. */
  readonly address?: string;
  /** The address family that it must be served with. */
  readonly family?: AddressFamily;
  /** The address families that it can use; it is served with no other. */
  readonly families?: readonly AddressFamily[];
  /** The region that must serve it while a relay there can. */
  readonly region?: string;
  /** Measured latency in ms, by relay id or region. */
  readonly latencies?: ReadonlyMap<string, number>;
  /** Ids of relays to avoid while another can serve. */
  readonly avoid?: ReadonlySet<string>;
  /**
   * The IP address that its request came from, canonical text. Without `address` it tells the
   * peer's network, but not the family that it wants.
   */
  readonly source?: string;
}

/** A peer to select a relay for. */
export interface PeerRequest extends PeerHints {
  /** The number of its access cluster (`AccessLegs.clusterOf`), if its address is known. */
  readonly cluster?: number;
}

/** The regions and providers that a tenant allows; undefined for all. */
export interface AllowedRelays {
  readonly regions?: ReadonlySet<string> | undefined;
  readonly providers?: ReadonlySet<string> | undefined;
}

/** The pair that the same two peers had before. */
export interface FormerPair {
  /** Ids of the relays, for each peer. */
  readonly relays: readonly [string, string];
  /**
   * Whether to leave it if another is better now, by `stickyMs` and `stickyShare`. Otherwise it is
   * kept as long as it can serve.
   */
  readonly unlessBetter: boolean;
}

/** What to select relays for. */
export interface SelectionRequest {
  readonly peers: readonly [PeerRequest, PeerRequest];
  readonly allowed?: AllowedRelays | undefined;
  readonly former?: FormerPair | undefined;
  /** Number of alternates to find, 0 to `ALTERNATES_MAX`; default 0. */
  readonly alternates?: number | undefined;
}

export const BOTH_FAMILIES: readonly AddressFamily[] = [4, 6];

/** Returns the families that a peer may be served with. */
export function familiesOf(peer: PeerHints): readonly AddressFamily[] {
  return peer.family === undefined ? (peer.families ?? BOTH_FAMILIES) : [peer.family];
}
