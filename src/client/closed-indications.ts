import type { TurnpikeError } from '../errors.js';
import { AttributeType } from '../stun/attribute-types.js';
import { ErrorCode } from '../stun/error-codes.js';
import type { StunMessage } from '../stun/message.js';
import type { ConnectionGrant } from './grant.js';
import { closedByRelay } from './peer-errors.js';
import { RELAY_UNRESPONSIVE_MS } from './relay-liveness.js';
import type { Requests } from './requests.js';
import type { Scheduler } from './scheduler.js';

/** An authentic hint explains an end that a Refresh finds within this time. */
const HINT_MS = 2 * RELAY_UNRESPONSIVE_MS;

/** What follows from a Closed indication (PROTOCOL.md section 2). */
export type ClosedVerdict =
  /** It is authentic and of this leg: the connection has ended. */
  | { readonly type: 'end'; readonly reason: TurnpikeError }
  /** It may be forged or recorded: the relay is asked with a Refresh. */
  | { readonly type: 'hint' }
  | { readonly type: 'other-connection' }
  /** Its integrity is wrong: it is ignored. */
  | { readonly type: 'forged' };

/**
 * Reads a relay's Closed indications. The key that proves one is that of the credential, so one
 * that was recorded when the same credential had another leg is authentic as well: only the
 * transaction, which is the newest Connect or Allocate, tells whether it is of this leg.
 */
export class ClosedIndications {
  readonly #requests: Requests;
  readonly #grant: ConnectionGrant;
  readonly #scheduler: Scheduler;
  #hinted: { readonly reason: TurnpikeError; readonly atMs: number } | undefined;

  constructor(requests: Requests, grant: ConnectionGrant, scheduler: Scheduler) {
    this.#requests = requests;
    this.#grant = grant;
    this.#scheduler = scheduler;
  }

  /** The reason of the last authentic hint, if it is not older than `HINT_MS`. */
  get hintedReason(): TurnpikeError | undefined {
    const hinted = this.#hinted;
    return hinted && this.#scheduler.monotonic() - hinted.atMs < HINT_MS
      ? hinted.reason
      : undefined;
  }

  /** Classifies one. */
  read(message: StunMessage): ClosedVerdict {
    if (!this.#requests.isAuthentic(message)) {
      // "Data of yours met no leg here": without attributes there is no more to say.
      return { type: message.attributes.length === 0 ? 'hint' : 'forged' };
    }
    if (message.connectionIdentifier() !== this.#grant.connectionId) {
      return { type: 'other-connection' };
    }
    const { code, reason: words } = message.errorCode() ?? {
      code: ErrorCode.AllocationMismatch,
      reason: '',
    };
    const cause = message.u32(AttributeType.RefusalCause);
    const reason = closedByRelay(this.#grant, code, words, cause);
    if (this.#requests.hasMade(message.transactionId)) return { type: 'end', reason };
    this.#hinted = { reason, atMs: this.#scheduler.monotonic() };
    return { type: 'hint' };
  }
}
