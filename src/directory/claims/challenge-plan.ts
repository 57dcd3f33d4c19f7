import {
  type AddressFamily,
  familyOf,
  formatAddress,
  parseAddress,
  type TransportAddress,
} from '../../address.js';
import type { ClaimChallenge, RelayRecord } from '../../registry/types.js';
import { addressOf, claimKind, type Rival, trunkAddressesAt } from './claim-table.js';

/** Trunk addresses of one host that are asked for a port that only sends. */
const STAND_INS_MAX = 2;

/** A relay and an address where its key is to be challenged. */
export interface Target extends ClaimChallenge {
  readonly key: string;
  readonly family: AddressFamily;
}

/** One address that two relays claim, and what would show that the claimant has it. */
export interface Question {
  readonly claim: string;
  readonly by: string;
  /** Keys of targets of the claimant, one of which must be proved. */
  readonly anyOf: readonly string[];
  /** Keys of targets of the incumbent, none of which may be proved. */
  readonly unless: readonly string[];
}

/** What a contest asks. */
export interface ChallengePlan {
  readonly questions: readonly Question[];
  readonly targets: ReadonlyMap<string, Target>;
}

/**
 * What has to be shown for a claimant to have addresses that others claim. An address is proved by
 * an answer that comes from there. A port that a relay only sends from answers nothing: there a
 * trunk address of the same host stands in, unless the incumbent answers on that host as well. Who
 * says that it is reached at what another one sends from must answer there.
 */
export function planChallenges(record: RelayRecord, rivals: readonly Rival[]): ChallengePlan {
  const targets = new Map<string, Target>();
  const challenge = (relay: RelayRecord, address: TransportAddress): string => {
    const { id, publicKey } = relay;
    const text = formatAddress(address);
    const key = targetKey(id, text);
    targets.set(key, { key, id, publicKey, address: text, family: familyOf(address) });
    return key;
  };
  const questions = rivals.map(({ claim, by }): Question => {
    const question = { claim, by: by.id, unless: [] };
    if (claimKind(record, claim) === 'address') {
      return { ...question, anyOf: [challenge(record, parseAddress(addressOf(claim)))] };
    }
    const standIns = (relay: RelayRecord) =>
      trunkAddressesAt(relay, claim)
        .slice(0, STAND_INS_MAX)
        .map((address) => challenge(relay, address));
    const unless =
      claimKind(by, claim) === 'address'
        ? [challenge(by, parseAddress(addressOf(claim)))]
        : standIns(by);
    return { ...question, anyOf: standIns(record), unless };
  });
  return { questions, targets };
}

/** A map key for a relay at an address. */
export function targetKey(id: string, address: string): string {
  return `${id} ${address}`;
}
