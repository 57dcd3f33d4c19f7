import { formatAddress } from '../address.js';
import type { Clock } from '../clock.js';
import { isTurnpikeError, TurnpikeError } from '../errors.js';
import { AVOIDED_RELAYS_MAX } from '../registry/schemas.js';
import { ErrorCode } from '../stun/error-codes.js';
import type { ConnectionGrant } from './grant.js';

/** Time for which a relay that did not serve a peer is avoided. */
export const AVOIDED_MS = 120_000;

/** Error codes that concern this peer's relay alone: it drains, or it is full. */
const OWN_RELAY: ReadonlySet<number | undefined> = new Set([
  ErrorCode.TryAlternate,
  ErrorCode.InsufficientCapacity,
]);

/** Why a relay is avoided: it did not answer, it refused, or its pair of relays failed. */
type Fault = 'silent' | 'refused' | 'pair';

/**
 * The relays that failed to serve this peer while it connects, at most AVOIDED_RELAYS_MAX, for the
 * hint `avoid`. A relay that the directory assigns again is tried once more. An entry expires after
 * `AVOIDED_MS`, because a peer may wait in its room for hours.
 */
export class AvoidedWhileConnecting {
  readonly #clock: Pick<Clock, 'monotonic'>;
  readonly #always: readonly string[];
  readonly #faults = new Map<string, { readonly fault: Fault; readonly atMs: number }>();
  #unreachablePairs = 0;
  #unreachablePairAtMs = 0;

  /** @param always - ids of relays to avoid that never expire */
  constructor(clock: Pick<Clock, 'monotonic'>, always: readonly string[] = []) {
    this.#clock = clock;
    this.#always = always.slice(0, AVOIDED_RELAYS_MAX);
  }

  /** Ids for the hint `avoid`. */
  get ids(): readonly string[] {
    this.#forgetOld();
    return [...new Set([...this.#always, ...this.#faults.keys()])];
  }

  /**
   * Decides whether to ask for another pair of relays after a failure.
   * @param error - the error of `Peer.open` or `connect`
   * @returns undefined to ask for another pair; else the error to report
   */
  after(grant: ConnectionGrant, error: unknown): unknown {
    if (!isTurnpikeError(error)) return error;
    this.#forgetOld();
    const { id } = grant.relay;
    if (error.code === 'ERR_TURNPIKE_RELAY_UNREACHABLE') {
      return this.#note(id, 'silent') ? undefined : this.#noneAnswers(grant, error);
    }
    if (OWN_RELAY.has(error.stunCode)) return this.#note(id, 'refused') ? undefined : error;
    if (error.reason !== 'relays-unreachable') return error;
    // Both peers get this error, and either relay may be the cause. The peers avoid their own relay
    // in turn: if both avoided theirs at once, a usable pair could be excluded.
    this.#unreachablePairs += 1;
    this.#unreachablePairAtMs = this.#clock.monotonic();
    if (this.#unreachablePairs > AVOIDED_RELAYS_MAX) return error;
    if ((this.#unreachablePairs + grant.role) % 2 === 0) this.#note(id, 'pair');
    return undefined;
  }

  /** Adds a relay. @returns false if it already failed by its own fault, or the list is full */
  #note(id: string, fault: Fault): boolean {
    const before = this.#faults.get(id)?.fault ?? 'pair';
    if (before !== 'pair') return false;
    const isListed = this.#faults.has(id) || this.#always.includes(id);
    if (!isListed && this.ids.length >= AVOIDED_RELAYS_MAX) return false;
    this.#faults.set(id, { fault, atMs: this.#clock.monotonic() });
    return true;
  }

  #forgetOld(): void {
    const sinceMs = this.#clock.monotonic() - AVOIDED_MS;
    for (const [id, { atMs }] of this.#faults) if (atMs < sinceMs) this.#faults.delete(id);
    if (this.#unreachablePairAtMs < sinceMs) this.#unreachablePairs = 0;
  }

  #noneAnswers(grant: ConnectionGrant, cause: TurnpikeError): TurnpikeError {
    const silent = [...this.#faults].filter(([, { fault }]) => fault === 'silent');
    const ids = new Set([...silent.map(([id]) => id), grant.relay.id]);
    const relays = [...ids].join(', ');
    const address = formatAddress(grant.relay);
    return new TurnpikeError(
      'ERR_TURNPIKE_RELAY_UNREACHABLE',
      ids.size === 1
        ? `relay ${relays} does not answer over UDP at ${address}, and the directory has no ` +
            'other: a firewall here may block UDP'
        : `none of the relays that the directory gave answers over UDP (${relays}): a firewall ` +
            'here seems to block UDP',
      { reason: 'relay-unresponsive', address, cause },
    );
  }
}

/** Reasons that indicate, if repeated, that a pair of relays does not work for these peers. */
const SUSPECT: ReadonlySet<string | undefined> = new Set(['other-relay-gone', 'other-side-silent']);

/**
 * Number of such losses, each within AVOIDED_MS of the one before, from which a relay is avoided.
 */
const REPEATED = 2;

/**
 * Relays at which several connections in a row were lost because the other relay was gone or the
 * other peer was silent, so that the next connection avoids them: at most AVOIDED_RELAYS_MAX, each
 * for AVOIDED_MS after its last loss.
 */
export class AvoidedAfterLosses {
  readonly #clock: Pick<Clock, 'monotonic'>;
  readonly #losses = new Map<string, { times: number; atMs: number }>();

  constructor(clock: Pick<Clock, 'monotonic'>) {
    this.#clock = clock;
  }

  /** Counts a lost connection of a relay. @param reason - that of the 'close' event's error */
  noteLoss(id: string, reason: string | undefined): void {
    this.#forgetOld();
    if (!SUSPECT.has(reason)) return;
    const times = (this.#losses.get(id)?.times ?? 0) + 1;
    this.#losses.delete(id);
    this.#losses.set(id, { times, atMs: this.#clock.monotonic() });
    const [oldest] = this.#losses.keys();
    if (this.#losses.size > AVOIDED_RELAYS_MAX && oldest !== undefined) {
      this.#losses.delete(oldest);
    }
  }

  /** Ids of the relays to avoid now. */
  get ids(): readonly string[] {
    this.#forgetOld();
    return [...this.#losses].filter(([, { times }]) => times >= REPEATED).map(([id]) => id);
  }

  #forgetOld(): void {
    const sinceMs = this.#clock.monotonic() - AVOIDED_MS;
    for (const [id, { atMs }] of this.#losses) if (atMs < sinceMs) this.#losses.delete(id);
  }
}
