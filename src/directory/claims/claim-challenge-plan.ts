import {
  type AddressFamily,
  familyOf,
  formatAddress,
  parseAddress,
  type TransportAddress,
} from '../../address.js';
import type { ClaimChallenge, RelayRecord } from '../../registry/types.js';
import { addressOf, claimKind, type Rival, trunkAddressesAt } from './claim-table.js';

/** Maximum trunk addresses challenged on one host in place of a send-only source port. */
const STAND_INS_MAX = 2;

/** A relay and an address at which its key is challenged. */
export interface ChallengeTarget extends ClaimChallenge {
  readonly key: string;
  readonly family: AddressFamily;
}

/** A claim that two relays make to one address, and the answers that decide it. */
export interface ContestedClaim {
  readonly claim: string;
  readonly by: string;
  /** Target keys of the claimant; at least one must be proved. */
  readonly anyOf: readonly string[];
  /** Target keys of the incumbent; none may be proved. */
  readonly unless: readonly string[];
}

/** The challenges of one contest and the claims that they decide. */
export interface ClaimChallengePlan {
  readonly contested: readonly ContestedClaim[];
  readonly targets: ReadonlyMap<string, ChallengeTarget>;
}

/**
 * Returns the challenges that decide a claimant's contested addresses.
 *
 * A claim to a listed address is proved by an answer from that address. A source port only sends
 * and answers no challenge: a trunk address of the same host stands in for it, unless the incumbent
 * answers on that host too. If the incumbent lists the address as its own, an answer of the
 * incumbent from there disproves the claim.
 *
 * @param record - the claimant's registration
 * @param rivals - the claims of other relays to its addresses
 */
export function planClaimChallenges(
  record: RelayRecord,
  rivals: readonly Rival[],
): ClaimChallengePlan {
  const targets = new Map<string, ChallengeTarget>();
  const challenge = (relay: RelayRecord, address: TransportAddress): string => {
    const { id, publicKey } = relay;
    const text = formatAddress(address);
    const key = targetKey(id, text);
    targets.set(key, { key, id, publicKey, address: text, family: familyOf(address) });
    return key;
  };
  const contested = rivals.map(({ claim, by }): ContestedClaim => {
    const contest = { claim, by: by.id, unless: [] };
    if (claimKind(record, claim) === 'address') {
      return { ...contest, anyOf: [challenge(record, parseAddress(addressOf(claim)))] };
    }
    const standIns = (relay: RelayRecord) =>
      trunkAddressesAt(relay, claim)
        .slice(0, STAND_INS_MAX)
        .map((address) => challenge(relay, address));
    const unless =
      claimKind(by, claim) === 'address'
        ? [challenge(by, parseAddress(addressOf(claim)))]
        : standIns(by);
    return { ...contest, anyOf: standIns(record), unless };
  });
  return { contested, targets };
}

/** Returns the map key of a relay at an address. */
export function targetKey(id: string, address: string): string {
  return `${id} ${address}`;
}
