import type { Clock } from '../clock.js';
import type { DataPlane, FiveTuple } from '../native/types.js';
import { CHECK_LIMITS } from '../registry/check-limits.js';
import { sendsFromHost } from '../registry/record.js';
import type { RelayRecord } from '../registry/types.js';
import { AttributeType } from '../stun/attribute-types.js';
import type { StunMessage } from '../stun/message.js';
import { encodeClaimProof, isGenuineClaimMessage } from '../trunk/claim-challenge.js';
import { type ControlKeys, controlKeysOf } from '../trunk/control-keys.js';
import type { LocalRelay } from '../trunk/local-relay.js';
import type { RemoteRelays } from '../trunk/remote-relays.js';

/** Challenges verified per second: from known hosts, and as many from others. */
export const CLAIM_TRIES_PER_SECOND = 2_000;
/** Challenges answered per second: from known hosts, and as many from others. */
export const CLAIM_ANSWERS_PER_SECOND = 200;

/** Dependencies of `ClaimResponder`. */
export interface ClaimResponderOptions {
  readonly local: LocalRelay;
  readonly plane: Pick<DataPlane, 'send'>;
  /** The relays of the registry. */
  readonly relays: Pick<RemoteRelays, 'get'>;
  readonly clock: Clock;
}

interface Checker {
  readonly keys: ControlKeys;
  readonly record: RelayRecord;
}

/**
 * Answers challenges of this relay's claims (PROTOCOL.md section 3) on trunk and service addresses.
 * A response proves that this relay is at the address. It changes no state and is never longer than
 * the challenge.
 *
 * Bounds: `CLAIM_TRIES_PER_SECOND` challenges are verified and `CLAIM_ANSWERS_PER_SECOND` answered
 * from hosts of the named relay, and as many from others, so that a flood from other hosts does not
 * starve known relays, and forged challenges do not use up the responses.
 */
export class ClaimResponder {
  /** Number of challenges answered; forged or from unknown relays; and over the bound. */
  readonly counts = { answered: 0, refused: 0, over: 0 };
  readonly #options: ClaimResponderOptions;
  readonly #known = new Budgets();
  readonly #others = new Budgets();
  /** Relays that the directory named as checkers, which the registry may lack. */
  #told: ReadonlyMap<string, Checker> = new Map();

  constructor(options: ClaimResponderOptions) {
    this.#options = options;
  }

  /** Takes the relays that the directory has appointed to challenge this one. */
  tell(checkers: readonly RelayRecord[]): void {
    const told = new Map<string, Checker>();
    for (const record of checkers.slice(0, CHECK_LIMITS.claimCheckersMax)) {
      const keys = controlKeysOf(this.#options.local, record);
      if (keys !== undefined) told.set(record.id, { keys, record });
    }
    this.#told = told;
  }

  /** Takes a challenge, not yet verified. */
  receive(side: 'client' | 'trunk', message: StunMessage, tuple: FiveTuple): void {
    const { local, plane } = this.#options;
    const id = message.text(AttributeType.Username) ?? '';
    const checker = this.#checker(id);
    const verdict = checker ? this.#judge(message, id, checker, tuple) : 'refused';
    this.counts[verdict] += 1;
    if (checker === undefined || verdict !== 'answered') return;
    const data = encodeClaimProof(local, checker.keys.sendKey, message.transactionId);
    if (data.length <= message.bytes.length) plane.send([{ side, tuple, data }]);
  }

  #checker(id: string): Checker | undefined {
    const remote = this.#options.relays.get(id);
    return remote === undefined ? this.#told.get(id) : { keys: remote, record: remote.record };
  }

  #judge(
    message: StunMessage,
    id: string,
    { record, keys }: Checker,
    { remote }: FiveTuple,
  ): 'answered' | 'refused' | 'over' {
    const { tries, answers } = sendsFromHost(record, remote.address) ? this.#known : this.#others;
    const now = this.#options.clock.monotonic();
    if (!tries.take(now)) return 'over';
    if (!isGenuineClaimMessage(message, id, keys.receiveKey)) return 'refused';
    return answers.take(now) ? 'answered' : 'over';
  }
}

class Budgets {
  readonly tries = new Budget(CLAIM_TRIES_PER_SECOND);
  readonly answers = new Budget(CLAIM_ANSWERS_PER_SECOND);
}

class Budget {
  readonly #perSecond: number;
  #second = -1;
  #count = 0;

  constructor(perSecond: number) {
    this.#perSecond = perSecond;
  }

  take(now: number): boolean {
    const second = Math.floor(now / 1_000);
    if (second !== this.#second) this.#count = 0;
    this.#second = second;
    this.#count += 1;
    return this.#count <= this.#perSecond;
  }
}
