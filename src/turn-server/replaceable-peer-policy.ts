import { isTurnpikeError, TurnpikeError } from '../errors.js';
import type { PeerRules, PortRange, RelayedAddress } from '../turn/index.js';
import { PeerPolicy } from '../turn/peer-policy.js';
import { parsePeerRange } from '../turn/peer-ranges.js';
import { ownAddresses } from './own-addresses.js';
import type { ServingPlan } from './serving-plan.js';

/** Which peers are allowed, as in `TurnServerOptions`. */
export interface PeerLists {
  readonly allowPeers: readonly string[];
  readonly denyPeers: readonly string[];
  readonly allowPrivatePeers: boolean;
}

/** The peer policy of a server, whose lists can be replaced. */
export class ReplaceablePeerPolicy implements PeerRules {
  readonly #relayAddresses: readonly RelayedAddress[];
  readonly #ports: PortRange;
  /** IP addresses of relays, with services of their own. */
  #relayIps: ReadonlySet<string> = new Set();
  #lists: PeerLists;
  #policy: PeerPolicy;

  /** @throws TurnpikeError ERR_TURNPIKE_CONFIG as `PeerPolicy`, with the list of a wrong entry */
  constructor(
    { allowPeers, denyPeers, allowPrivatePeers }: PeerLists,
    { relayAddresses, ports }: Pick<ServingPlan, 'relayAddresses' | 'ports'>,
  ) {
    this.#relayAddresses = relayAddresses;
    this.#ports = ports;
    this.#lists = { allowPeers, denyPeers, allowPrivatePeers };
    this.#policy = this.#policyOf(this.#lists);
  }

  /** Judges a peer, as `PeerPolicy.check`. */
  check(address: string): 'allowed' | 'denied' {
    return this.#policy.check(address);
  }

  /**
   * Returns the ports of relayed transport addresses for an address of a relay: another client may
   * be there, and else only services. Undefined for any other address.
   */
  portsOf(address: string): PortRange | undefined {
    return this.#relayIps.has(address) ? this.#ports : undefined;
  }

  /**
   * Takes the addresses of the cluster's relays in place of those before.
   * @param ips - canonical IP addresses
   * @returns whether any has changed
   */
  takeRelays(ips: readonly string[]): boolean {
    const before = this.#relayIps;
    this.#relayIps = new Set(ips);
    return before.size !== this.#relayIps.size || ips.some((ip) => !before.has(ip));
  }

  /**
   * Checks lists, and returns what takes them in place of those before; lists that are left out
   * stay. Throws as the constructor.
   */
  prepare(change: Partial<PeerLists>): () => void {
    const { allowPeers, denyPeers, allowPrivatePeers } = { ...this.#lists, ...change };
    const lists = { allowPeers, denyPeers, allowPrivatePeers };
    const policy = this.#policyOf(lists);
    return () => {
      this.#lists = lists;
      this.#policy = policy;
    };
  }

  #policyOf({ allowPeers: allow, denyPeers: deny, allowPrivatePeers }: PeerLists): PeerPolicy {
    checkList('`allowPeers` (--allow-peer)', allow);
    checkList('`denyPeers` (--deny-peer)', deny);
    const own = ownAddresses(this.#relayAddresses);
    return new PeerPolicy({ allow, deny, allowPrivate: allowPrivatePeers, own });
  }
}

function checkList(name: string, entries: readonly string[]): void {
  for (const entry of entries) {
    try {
      parsePeerRange(entry);
    } catch (error) {
      if (!isTurnpikeError(error)) throw error;
      throw new TurnpikeError(error.code, `${name}: ${error.message}`, { cause: error });
    }
  }
}
