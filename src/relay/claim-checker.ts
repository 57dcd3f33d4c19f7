import { sameAddress, type TransportAddress } from '../address.js';
import type { Clock } from '../clock.js';
import type { DataPlane, FiveTuple } from '../native/types.js';
import type { RandomBytes } from '../random.js';
import { CHECK_LIMITS } from '../registry/check-limits.js';
import type { ClaimChallenge, ClaimResult } from '../registry/types.js';
import type { StunMessage } from '../stun/message.js';
import { encodeClaimChallenge, isGenuineClaimMessage } from '../trunk/claim-challenge.js';
import { type ControlKeys, controlKeysOf } from '../trunk/control-keys.js';
import { transactionKey } from '../trunk/control-message.js';
import type { LocalRelay, TrunkSocket } from '../trunk/local-relay.js';
import { appoint, canonicalAddress, socketTo } from './appointed-tasks.js';

/** Interval of challenges to one address. */
export const CLAIM_CHALLENGE_INTERVAL_MS = 500;
/** Unanswered challenges after which an address is unproved. */
export const CLAIM_CHALLENGES_MAX = 6;

interface Challenged {
  readonly id: string;
  readonly text: string;
  readonly address: TransportAddress;
  readonly keys: ControlKeys;
  readonly from: Pick<FiveTuple, 'handle' | 'local'>;
  readonly transactions: string[];
  nextAtMs: number;
  /** Undefined while challenges are under way. */
  proved: boolean | undefined;
}

/** Dependencies of `ClaimChecker`. */
export interface ClaimCheckerOptions {
  readonly local: LocalRelay;
  readonly plane: Pick<DataPlane, 'send'>;
  /** This relay's trunk sockets, in the data plane's order. */
  readonly sockets: readonly TrunkSocket[];
  /** Called when there is a new result for the directory. */
  readonly onChange: () => void;
  readonly clock: Clock;
  readonly random: RandomBytes;
}

/**
 * Challenges the keys of relays at the addresses that they claim, as the directory appoints
 * (PROTOCOL.md section 3). A response counts if it is authenticated by the relay's key and comes
 * from that address.
 *
 * Bound: `CHECK_LIMITS.claimChallengesMax` addresses at a time, with `CLAIM_CHALLENGES_MAX`
 * challenges each.
 */
export class ClaimChecker {
  readonly #options: ClaimCheckerOptions;
  readonly #challenged = new Map<string, Challenged>();
  readonly #byTransaction = new Map<string, Challenged>();

  constructor(options: ClaimCheckerOptions) {
    this.#options = options;
  }

  /** Takes the challenges to make from now on; those under way continue. */
  appoint(challenges: readonly ClaimChallenge[]): void {
    appoint(this.#challenged, challenges, {
      most: CHECK_LIMITS.claimChallengesMax,
      keyOf: ({ id, address, publicKey }) => `${id} ${address} ${publicKey}`,
      make: (challenge) => this.#make(challenge),
      drop: (challenged) => this.#settle(challenged),
    });
  }

  /** Returns the results so far. */
  results(): ClaimResult[] {
    const results: ClaimResult[] = [];
    for (const { id, text, proved } of this.#challenged.values()) {
      if (proved !== undefined) results.push({ id, address: text, proved });
    }
    return results;
  }

  /** Sends the challenges that are due. */
  tick(): void {
    const { clock, local, plane, random } = this.#options;
    const now = clock.monotonic();
    for (const challenged of this.#challenged.values()) {
      if (challenged.proved !== undefined || now < challenged.nextAtMs) continue;
      if (challenged.transactions.length >= CLAIM_CHALLENGES_MAX) {
        this.#found(challenged, false);
        continue;
      }
      challenged.nextAtMs = now + CLAIM_CHALLENGE_INTERVAL_MS;
      const transactionId = random(12);
      const transaction = transactionKey(transactionId);
      challenged.transactions.push(transaction);
      this.#byTransaction.set(transaction, challenged);
      const data = encodeClaimChallenge(local, challenged.keys.sendKey, transactionId);
      const tuple = { ...challenged.from, remote: challenged.address };
      plane.send([{ side: 'trunk', tuple, data }]);
    }
  }

  /**
   * Takes a Binding response that a trunk socket received.
   * @returns whether it responds to a challenge, whatever its result
   */
  receive(message: StunMessage, { remote }: FiveTuple): boolean {
    const challenged = this.#byTransaction.get(transactionKey(message.transactionId));
    if (challenged === undefined || !sameAddress(challenged.address, remote)) return false;
    // An error, or a response without integrity, proves nothing; another response may follow.
    const { id, keys } = challenged;
    if (message.messageClass === 'success' && isGenuineClaimMessage(message, id, keys.receiveKey)) {
      this.#found(challenged, true);
    }
    return true;
  }

  #found(challenged: Challenged, proved: boolean): void {
    challenged.proved = proved;
    this.#settle(challenged);
    this.#options.onChange();
  }

  #settle({ transactions }: Challenged): void {
    for (const transaction of transactions) this.#byTransaction.delete(transaction);
  }

  #make({ id, publicKey, address: text }: ClaimChallenge): Challenged | undefined {
    const { local, sockets, clock } = this.#options;
    const address = canonicalAddress(text);
    const from = address && socketTo(sockets, address);
    if (address === undefined || from === undefined || id === local.id) return undefined;
    const keys = controlKeysOf(local, { id, publicKey });
    if (keys === undefined) return undefined;
    const nextAtMs = clock.monotonic();
    return { id, text, address, keys, from, transactions: [], nextAtMs, proved: undefined };
  }
}
