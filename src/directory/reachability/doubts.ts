/**
 * What other relays say about a relay or a service address: nothing against it; that it does not
 * answer, but too few of them say so for a verdict; or a verdict that it is unreachable.
 */
export type Doubt = 'none' | 'suspected' | 'unreachable';

/** What a snapshot holds of who reaches a relay. */
export interface RelayDoubts {
  /** About all of the relay. */
  readonly trunk: Doubt;
  /** About each of its service addresses, in the record's order; left out where there is none. */
  readonly addresses: readonly Doubt[];
  /** The relays that it says it does not reach, by id. */
  readonly unreached: ReadonlySet<string>;
}

/** Of a relay about which nobody has reported anything, and which reaches all. */
export const NO_DOUBTS: RelayDoubts = { trunk: 'none', addresses: [], unreached: new Set() };

/** Whether verdicts leave a relay nothing by which it could serve. */
export function isCondemned(addressCount: number, { trunk, addresses }: RelayDoubts): boolean {
  if (trunk === 'unreachable') return true;
  return addresses.length === addressCount && addresses.every((doubt) => doubt === 'unreachable');
}
