import { formatAddress } from '../address.js';
import { isTurnpikeError, TurnpikeError } from '../errors.js';
import { LIMITS } from '../limits.js';
import { ErrorCode } from '../stun/error-codes.js';
import type { ConnectionGrant } from './grant.js';

/** Refusals that another relay need not share: it drains, or it is full. */
const OWN_RELAY: ReadonlySet<number | undefined> = new Set([
  ErrorCode.TryAlternate,
  ErrorCode.InsufficientCapacity,
]);

/**
 * The relays that did not serve this peer while it tried to connect, so that it asks the directory
 * for others: a bounded list, for one connection.
 */
export class Detours {
  readonly #ids: string[] = [];
  #unanswered: string[] = [];
  #unreachablePairs = 0;

  /** @param ids - relays to avoid from the start */
  constructor(ids: readonly string[] = []) {
    this.#ids.push(...ids.slice(0, LIMITS.avoidedRelaysMax));
  }

  /** Ids for the hint `avoid`. */
  get ids(): readonly string[] {
    return this.#ids;
  }

  /**
   * Says whether another pair of relays may serve where this one failed.
   * @param error - of `Peer.open` or `connect`
   * @returns undefined when another pair is worth asking for; else the error to give up with
   */
  after(grant: ConnectionGrant, error: unknown): unknown {
    if (!isTurnpikeError(error)) return error;
    const { id } = grant.relay;
    if (error.code === 'ERR_TURNPIKE_RELAY_UNREACHABLE') {
      if (!this.#unanswered.includes(id)) this.#unanswered.push(id);
      return this.#avoid(id) ? undefined : this.#noneAnswers(grant, error);
    }
    if (OWN_RELAY.has(error.stunCode)) return this.#avoid(id) ? undefined : error;
    if (error.reason !== 'relays-unreachable') return error;
    // Both peers are told, and both relays may be fine with others: they leave theirs in turn, or
    // a pair that would do could be excluded.
    this.#unreachablePairs += 1;
    if (this.#unreachablePairs > LIMITS.avoidedRelaysMax) return error;
    if ((this.#unreachablePairs + grant.role) % 2 === 0) this.#avoid(id);
    return undefined;
  }

  /**
   * The directory gave a relay that failed before, so it has no other.
   * @returns the error to give up with; undefined when the relay has not failed here
   */
  repeated(grant: ConnectionGrant): TurnpikeError | undefined {
    return this.#unanswered.includes(grant.relay.id) ? this.#noneAnswers(grant) : undefined;
  }

  /** @returns false when it was there already, or the list is full */
  #avoid(id: string): boolean {
    if (this.#ids.includes(id) || this.#ids.length >= LIMITS.avoidedRelaysMax) return false;
    this.#ids.push(id);
    return true;
  }

  #noneAnswers(grant: ConnectionGrant, cause?: TurnpikeError): TurnpikeError {
    const relays = this.#unanswered.join(', ');
    const address = formatAddress(grant.relay);
    return new TurnpikeError(
      'ERR_TURNPIKE_RELAY_UNREACHABLE',
      this.#unanswered.length === 1
        ? `relay ${relays} does not answer over UDP at ${address}, and the directory has no ` +
            'other: a firewall here may block UDP'
        : `none of the relays that the directory gave answers over UDP (${relays}): a firewall ` +
            'here seems to block UDP',
      { reason: 'relay-unresponsive', address, ...(cause === undefined ? {} : { cause }) },
    );
  }
}
