import type { AddressFamily } from '../address.js';
import { TurnpikeError } from '../errors.js';

/** The four NAT behaviours of the lab (RFC 4787 sections 4.1 and 5). */
export const NAT_BEHAVIOURS = [
  'port-restricted',
  'symmetric',
  'full-cone',
  'address-restricted',
] as const;

/** A NAT behaviour; `natRules` describes them. */
export type NatBehaviour = (typeof NAT_BEHAVIOURS)[number];

/** Maximum nodes of one kind in the address plan. */
const NODES_PER_KIND_MAX = 200;

/** Properties of every node: a network namespace and one uplink to its parent. */
interface LabNode {
  /** Unique in its lab: `[a-z0-9-]+`. */
  readonly name: string;
  /** Name of the network namespace, for `ip netns exec`. */
  readonly namespace: string;
  /** Its addresses in canonical text, by family. */
  readonly addresses: { readonly [family in AddressFamily]?: string };
  readonly families: readonly AddressFamily[];
  /** Its interface to the parent. */
  readonly uplink: string;
  /** The parent's interface to it, unique in the lab. */
  readonly downlink: string;
}

/** A NAT for IPv4, and a stateful firewall for IPv6, which is routed. */
export interface LabNat extends LabNode {
  readonly kind: 'nat';
  readonly behaviour: NatBehaviour;
  /** The IPv6 /64 of the LAN behind it, up to and including `::`. */
  readonly lanPrefix: string;
}

/** A host on the lab's internet or behind a NAT. */
export interface LabHost extends LabNode {
  readonly kind: 'host';
  /** The NAT in front of it; undefined for a public host. */
  readonly behind: LabNat | undefined;
  /** First and last ephemeral port of its sockets. */
  readonly ephemeralPorts: readonly [number, number];
}

/**
 * Assigns names and addresses. Public hosts are in 192.0.2.0/24 and 2001:db8:1::/64, NATs in
 * 203.0.113.0/24 and 2001:db8:2::/64 (documentation ranges, RFC 5737 and RFC 3849). Every LAN is
 * 192.168.1.0/24, as at home, so that nothing depends on a LAN address being unique; its IPv6
 * prefix is its own, 2001:db8:100+n::/64.
 */
export class AddressPlan {
  readonly #prefix: string;
  readonly #names = new Set<string>();
  readonly #hostsBehind = new Map<LabNat, number>();
  #hosts = 0;
  #nats = 0;
  #links = 0;

  /** @param prefix - prefix of every namespace's name */
  constructor(prefix: string) {
    this.#prefix = prefix;
  }

  /**
   * Assigns a NAT. @throws TurnpikeError ERR_TURNPIKE_LAB for an invalid name, ERR_TURNPIKE_LIMIT
   * if full
   */
  nat(name: string, behaviour: NatBehaviour, families: readonly AddressFamily[]): LabNat {
    const number = this.#next('NATs', this.#nats++);
    return {
      kind: 'nat',
      behaviour,
      lanPrefix: `2001:db8:${(0x100 + number).toString(16)}::`,
      ...this.#node(name, families, 'wan'),
      addresses: pick(families, `203.0.113.${10 + number}`, `2001:db8:2::${hex(number)}`),
    };
  }

  /**
   * Assigns a host. @throws TurnpikeError ERR_TURNPIKE_LAB for an invalid name, ERR_TURNPIKE_LIMIT
   * if full
   */
  host(name: string, families: readonly AddressFamily[], behind?: LabNat): LabHost {
    const node = this.#node(name, families, 'eth0');
    if (behind === undefined) {
      const number = this.#next('public hosts', this.#hosts++);
      return {
        kind: 'host',
        behind,
        ...node,
        ephemeralPorts: [32_768, 60_999],
        addresses: pick(families, `192.0.2.${10 + number}`, `2001:db8:1::${hex(number)}`),
      };
    }
    const number = this.#hostsBehind.get(behind) ?? 0;
    this.#hostsBehind.set(behind, number + 1);
    return {
      kind: 'host',
      behind,
      ...node,
      ephemeralPorts: lanPorts(number),
      addresses: pick(families, `192.168.1.${10 + number}`, `${behind.lanPrefix}${hex(number)}`),
    };
  }

  #node(name: string, families: readonly AddressFamily[], uplink: string) {
    if (!/^[a-z0-9-]+$/.test(name) || this.#names.has(name)) {
      throw new TurnpikeError('ERR_TURNPIKE_LAB', `bad or repeated name for a lab node: ${name}`);
    }
    this.#names.add(name);
    return {
      name,
      namespace: `${this.#prefix}-${name}`,
      families,
      uplink,
      downlink: `p${this.#links++}`,
    };
  }

  #next(what: string, number: number): number {
    if (number < NODES_PER_KIND_MAX) return number;
    throw new TurnpikeError(
      'ERR_TURNPIKE_LIMIT',
      `a lab has at most ${NODES_PER_KIND_MAX} ${what}`,
    );
  }
}

/**
 * Returns the ephemeral ports of a host behind a NAT: a separate range per host. The kernel's NAT
 * keeps a source port if it is free, and only then is its mapping endpoint-independent (RFC 4787
 * section 4.1).
 */
function lanPorts(number: number): [number, number] {
  const size = 4_000;
  const first = 20_000 + (number % 10) * size;
  return [first, first + size - 1];
}

function hex(number: number): string {
  return (0x10 + number).toString(16);
}

function pick(families: readonly AddressFamily[], v4: string, v6: string) {
  return { ...(families.includes(4) ? { 4: v4 } : {}), ...(families.includes(6) ? { 6: v6 } : {}) };
}
