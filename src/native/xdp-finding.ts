import type { TransportAddress } from '../address.js';
import type { NativeFinding } from './binding.js';

/** Kinds of findings; docs/xdp.md describes them. */
export const XDP_FINDING_KINDS = [
  'nat',
  'redirect',
  'mangle',
  'ipsec',
  'routing_rule',
  'tc',
  'bpf',
  'master_device',
  'local_address',
  'filter',
  'unknown',
] as const;

/** The kind of a finding. */
export type XdpFindingKind = (typeof XDP_FINDING_KINDS)[number];

/** A rule of the host that applies to packets of some sockets, or of a device. */
export interface XdpFinding {
  readonly kind: XdpFindingKind;
  /** Description for the operator: what it is and where. */
  readonly what: string;
  readonly clientAddresses: readonly TransportAddress[];
  readonly trunkAddresses: readonly TransportAddress[];
  readonly device?: string;
}

/** First bit of the trunk sockets; TP_SOCKETS_PER_SIDE in native/xdp/limits.h. */
const TRUNK_BIT = 16;

/**
 * Converts a finding of the addon; its bit set becomes the list of addresses.
 * @param clients - the bound client addresses, in the order of the options
 * @param trunks - the bound trunk addresses, in the order of the options
 */
export function xdpFinding(
  { kind, what, sockets, device }: NativeFinding,
  clients: readonly TransportAddress[],
  trunks: readonly TransportAddress[],
): XdpFinding {
  const those = (addresses: readonly TransportAddress[], first: number) =>
    addresses.filter((_, index) => ((sockets >>> (first + index)) & 1) === 1);
  return {
    kind,
    what,
    clientAddresses: those(clients, 0),
    trunkAddresses: those(trunks, TRUNK_BIT),
    ...(device !== '' && { device }),
  };
}
