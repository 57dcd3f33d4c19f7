import type { PeerRules, RelayedAddress } from '../turn/index.js';
import { PeerPolicy } from '../turn/peer-policy.js';
import { ownAddresses } from './own-addresses.js';

/** Which peers are allowed, as in `TurnServerOptions`. */
export interface PeerLists {
  readonly allowPeers: readonly string[];
  readonly denyPeers: readonly string[];
  readonly allowPrivatePeers: boolean;
}

/** The peer policy of a server, whose lists can be replaced. */
export class ReplaceablePeerPolicy implements PeerRules {
  readonly #relayAddresses: readonly RelayedAddress[];
  #lists: PeerLists;
  #policy: PeerPolicy;

  /** @throws TurnpikeError ERR_TURNPIKE_CONFIG as `PeerPolicy` */
  constructor(
    { allowPeers, denyPeers, allowPrivatePeers }: PeerLists,
    relayAddresses: readonly RelayedAddress[],
  ) {
    this.#relayAddresses = relayAddresses;
    this.#lists = { allowPeers, denyPeers, allowPrivatePeers };
    this.#policy = this.#policyOf(this.#lists);
  }

  /** Judges a peer, as `PeerPolicy.check`. */
  check(address: string): 'allowed' | 'denied' {
    return this.#policy.check(address);
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
    const own = ownAddresses(this.#relayAddresses);
    return new PeerPolicy({ allow, deny, allowPrivate: allowPrivatePeers, own });
  }
}
