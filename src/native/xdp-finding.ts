import { formatAddress, type TransportAddress } from '../address.js';
import type { NativeFinding } from './binding.js';
import { DATA_PLANE_LIMITS } from './interface.js';

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
  /** Relayed IP addresses, as bound. */
  readonly relayedAddresses: readonly string[];
  readonly device?: string;
}

/** A veth whose other end takes nothing that the fast path sends back through it, or may not. */
export interface XdpFarEnd {
  readonly device: string;
  /**
   * Whether the other end has an XDP program in its driver: `none`, so all of that is lost;
   * `unknown` where this process may not see it.
   */
  readonly program: 'none' | 'unknown';
}

/** First bits of the trunk sockets and of the relayed IP addresses: native/xdp/map_structs.h. */
const TRUNK_BIT = DATA_PLANE_LIMITS.addressesPerSideMax;
const RELAYED_BIT = 2 * DATA_PLANE_LIMITS.addressesPerSideMax;

/**
 * Converts a finding of the addon; its bit set becomes the list of addresses.
 * @param clients - the bound client addresses, in the order of the options
 * @param trunks - the bound trunk addresses, in the order of the options
 * @param relayed - the relayed IP addresses as bound, in the order of the options
 */
export function xdpFinding(
  { kind, what, sockets, device }: NativeFinding,
  clients: readonly TransportAddress[],
  trunks: readonly TransportAddress[],
  relayed: readonly string[],
): XdpFinding {
  // The set has more bits than JavaScript's bitwise operators take, and fewer than a number has.
  const those = <Address>(addresses: readonly Address[], first: number) =>
    addresses
      .slice(0, DATA_PLANE_LIMITS.addressesPerSideMax)
      .filter((_, index) => Math.floor(sockets / 2 ** (first + index)) % 2 === 1);
  return {
    kind,
    what,
    clientAddresses: those(clients, 0),
    trunkAddresses: those(trunks, TRUNK_BIT),
    relayedAddresses: those(relayed, RELAYED_BIT),
    ...(device !== '' && { device }),
  };
}

/** Returns the names of what a finding is about: a device, or addresses of sockets. */
export function subjectsOf(finding: XdpFinding): string[] {
  const { clientAddresses, trunkAddresses, relayedAddresses, device } = finding;
  if (device !== undefined) return [device];
  return [
    ...clientAddresses.map(formatAddress),
    ...trunkAddresses.map((address) => `trunk ${formatAddress(address)}`),
    ...relayedAddresses.map((address) => `relayed ${address}`),
  ];
}
