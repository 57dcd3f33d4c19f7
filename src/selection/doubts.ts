/**
 * What the reports say of a relay or a service address: nothing against it (`none`); unreachable,
 * but too few regions report it for a verdict (`suspected`); or a verdict (`unreachable`).
 */
export type Doubt = 'none' | 'suspected' | 'unreachable';

/** The reachability of a relay, as a snapshot holds it. */
export interface RelayDoubts {
  /** Doubt about the relay's trunk. */
  readonly trunk: Doubt;
  /** Doubt about each service address, in the record's order; empty if there is none. */
  readonly addresses: readonly Doubt[];
  /** Ids of the relays that this relay reports as unreached. */
  readonly unreached: ReadonlySet<string>;
}

/** The reachability of a relay without reports about it or by it. */
export const NO_DOUBTS: RelayDoubts = { trunk: 'none', addresses: [], unreached: new Set() };

/** Returns whether verdicts exclude every way to serve: the trunk, or all service addresses. */
export function isCondemned(addressCount: number, { trunk, addresses }: RelayDoubts): boolean {
  if (trunk === 'unreachable') return true;
  return addresses.length === addressCount && addresses.every((doubt) => doubt === 'unreachable');
}
