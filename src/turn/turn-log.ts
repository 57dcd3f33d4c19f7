import { type Logger, pino } from 'pino';
import { formatAddress, type TransportAddress } from '../address.js';
import type { Clock } from '../clock.js';
import { LineBudgets } from '../logging/line-budgets.js';
import type { ChallengeReason, ClientDrop, ServerLog } from '../stun-server/server-context.js';
import type { LookupFailure, LookupLog } from '../stun-server/user-lookups.js';
import type { EndedAllocation, MovedAllocation } from './allocation-events.js';
import { REFUSALS, type RefusalReason } from './refusals.js';

/** Maximum lines per second about ended allocations; omitted ones are counted. */
const ALLOCATION_LINES_PER_SECOND = 20;

/** Maximum lines per second about moved allocations; omitted ones are counted. */
const MOVED_LINES_PER_SECOND = 20;

/** Maximum lines per second of each kind of refusals and drops; omitted ones are counted. */
export const TURN_REFUSAL_LINES_PER_SECOND = 200;

/** Maximum lines per second about calls of `authenticate` that fail; omitted ones are counted. */
const AUTHENTICATE_LINES_PER_SECOND = 1;

/** Kinds of lines that traffic causes. */
const KINDS = {
  'authenticate-failed': { level: 'warn', perSecond: AUTHENTICATE_LINES_PER_SECOND },
  'allocation-ended': { level: 'info', perSecond: ALLOCATION_LINES_PER_SECOND },
  'allocation-moved': { level: 'info', perSecond: MOVED_LINES_PER_SECOND },
  refused: { level: 'debug', perSecond: TURN_REFUSAL_LINES_PER_SECOND },
  'not-authenticated': { level: 'debug', perSecond: TURN_REFUSAL_LINES_PER_SECOND },
  dropped: { level: 'debug', perSecond: TURN_REFUSAL_LINES_PER_SECOND },
} as const;

/**
 * Logs allocations and requests: at level warn each failed look-up of a user, at level info the
 * end and each move of an allocation, at level debug each refusal and drop. Each kind is limited in
 * rate, and omitted lines are counted.
 */
export class TurnLog implements ServerLog, LookupLog {
  readonly #logger: Logger;
  readonly #budgets: LineBudgets<keyof typeof KINDS>;

  /** @param logger - default silent */
  constructor(clock: Clock, logger: Logger = pino({ enabled: false })) {
    this.#logger = logger;
    this.#budgets = new LineBudgets(KINDS, clock, logger);
  }

  /** Number of omitted lines, by event. */
  get omitted(): ReadonlyMap<keyof typeof KINDS, number> {
    return this.#budgets.omitted;
  }

  /** Logs the end of an allocation. */
  ended({ username, client, relayed, reason, seconds, traffic }: EndedAllocation): void {
    if (!this.#budgets.take('allocation-ended')) return;
    this.#logger.info(
      {
        event: 'allocation-ended',
        username,
        client: formatAddress(client),
        relayed: relayed.map(formatAddress).join(' '),
        reason,
        durationSeconds: Math.round(seconds * 10) / 10,
        packetsFromClient: traffic.packetsFromClient,
        bytesFromClient: traffic.bytesFromClient,
        packetsToClient: traffic.packetsToClient,
        bytesToClient: traffic.bytesToClient,
        packetsOverBandwidth: traffic.packetsOverBandwidth,
      },
      `an allocation has ended: ${reason.replaceAll('-', ' ')}`,
    );
  }

  /** Logs that the client of an allocation has moved. */
  moved({ username, client, from, relayed }: MovedAllocation): void {
    if (!this.#budgets.take('allocation-moved')) return;
    this.#logger.info(
      {
        event: 'allocation-moved',
        username,
        client: formatAddress(client),
        from: formatAddress(from),
        relayed: relayed.map(formatAddress).join(' '),
      },
      "an allocation's client has moved to another address",
    );
  }

  /** Logs an error response to an authenticated request. */
  refused(client: TransportAddress, reason: RefusalReason, username: string): void {
    if (!this.#budgets.take('refused')) return;
    const code = REFUSALS[reason];
    this.#logger.debug(
      { event: 'refused', code, reason, client: formatAddress(client), username },
      `a client's request is refused: ${reason.replaceAll('-', ' ')}`,
    );
  }

  /** Logs a challenge, or a 400 to an unauthenticated request. */
  unauthenticated(
    client: TransportAddress,
    code: number,
    reason: ChallengeReason,
    username: string | undefined,
  ): void {
    if (!this.#budgets.take('not-authenticated')) return;
    this.#logger.debug(
      { event: 'not-authenticated', code, reason, client: formatAddress(client), username },
      `a request is not authenticated: ${reason.replaceAll('-', ' ')}`,
    );
  }

  /** Logs a client's datagram that was dropped without a response. */
  dropped(client: TransportAddress, reason: ClientDrop): void {
    if (!this.#budgets.take('dropped')) return;
    this.#logger.debug(
      { event: 'dropped', reason, client: formatAddress(client) },
      `a message of a client is dropped: ${reason.replaceAll('-', ' ')}`,
    );
  }

  /** Logs that `authenticate` gave no valid answer. @param error - what it threw */
  lookupFailed(reason: LookupFailure, error?: unknown): void {
    if (!this.#budgets.take('authenticate-failed')) return;
    this.#logger.warn(
      { event: 'authenticate-failed', reason, err: error },
      reason === 'failed'
        ? '`authenticate` has failed: its requests get no answer, and clients send them again'
        : '`authenticate` takes too long: its requests get no answer, and clients send them again',
    );
  }

  /** Logs the number of omitted lines, at most once a second. */
  tick(): void {
    this.#budgets.tick();
  }
}
