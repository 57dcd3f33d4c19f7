import type { TurnpikeError } from '../errors.js';
import { AttributeType } from '../stun/attribute-types.js';
import { ErrorCode } from '../stun/error-codes.js';
import type { StunMessage } from '../stun/message.js';
import type { ConnectionGrant } from './grant.js';
import { closedByRelay } from './peer-errors.js';
import { RELAY_UNRESPONSIVE_MS } from './relay-check.js';
import type { Requests } from './requests.js';
import type { Scheduler } from './scheduler.js';

/** Time for which an authentic hint explains a 437 to a Refresh, ms. */
const HINT_MS = 2 * RELAY_UNRESPONSIVE_MS;

/** What a Closed indication means (PROTOCOL.md section 2). */
export type ClosedVerdict =
  /** Authentic and for this leg: the connection has ended. */
  | { readonly type: 'end'; readonly reason: TurnpikeError }
  /** Perhaps forged or recorded: to be verified by a Refresh. */
  | { readonly type: 'hint' }
  | { readonly type: 'other-connection' }
  /** Its integrity is wrong: ignore it. */
  | { readonly type: 'forged' };

/**
 * Classifies a relay's Closed indications. They are authenticated by the credential's key, so one
 * that was recorded for an earlier leg of the same credential is authentic too. Only its
 * transaction id, that of the newest Connect or Allocate, shows whether it is for this leg.
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

  /**
   * The reason of the last authentic hint; undefined if there is none or it is older than
   * `HINT_MS`.
   */
  get hintedReason(): TurnpikeError | undefined {
    const hinted = this.#hinted;
    return hinted && this.#scheduler.monotonic() - hinted.atMs < HINT_MS
      ? hinted.reason
      : undefined;
  }

  /** Classifies one indication. */
  read(message: StunMessage): ClosedVerdict {
    if (!this.#requests.isAuthentic(message)) {
      // Sent without attributes for data that met no leg, so it cannot be authenticated.
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
