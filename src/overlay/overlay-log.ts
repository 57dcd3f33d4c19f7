import { type Logger, pino } from 'pino';
import { formatAddress, type TransportAddress } from '../address.js';
import type { Clock } from '../clock.js';
import { LineBudgets } from '../logging/line-budgets.js';
import type { ChallengeReason, ClientDrop, ServerLog } from '../stun-server/server-context.js';
import type { LegName } from '../trunk/control-message.js';
import type { TrunkDrop } from '../trunk/trunk-options.js';
import type { Carried } from './forwarding.js';
import type { Leg, Pairing } from './leg.js';
import type { EndReason } from './leg-ends.js';
import { REFUSALS, type RefusalReason } from './refusals.js';

/** Maximum lines per second about ended legs; omitted ones are counted. */
const LEG_LINES_PER_SECOND = 20;

/** Maximum lines per second of each kind of refusals and drops; omitted ones are counted. */
export const REFUSAL_LINES_PER_SECOND = 200;

/** Kinds of lines that traffic causes. */
const KINDS = {
  'leg-ended': { level: 'info', perSecond: LEG_LINES_PER_SECOND },
  refused: { level: 'debug', perSecond: REFUSAL_LINES_PER_SECOND },
  'not-authenticated': { level: 'debug', perSecond: REFUSAL_LINES_PER_SECOND },
  dropped: { level: 'debug', perSecond: REFUSAL_LINES_PER_SECOND },
  'trunk-dropped': { level: 'debug', perSecond: REFUSAL_LINES_PER_SECOND },
} as const;

/**
 * Logs legs and requests: at level info the end of each leg that was established, at level debug
 * each refusal and drop. Each kind is limited in rate, and omitted lines are counted.
 */
export class OverlayLog implements ServerLog {
  readonly #logger: Logger;
  readonly #clock: Clock;
  readonly #relay: string;
  readonly #budgets: LineBudgets<keyof typeof KINDS>;

  /**
   * @param relay - this relay's id
   * @param logger - default silent
   */
  constructor(clock: Clock, relay: string, logger: Logger = pino({ enabled: false })) {
    this.#logger = logger;
    this.#clock = clock;
    this.#relay = relay;
    this.#budgets = new LineBudgets(KINDS, clock, logger);
  }

  /** Number of omitted lines, by event. */
  get omitted(): ReadonlyMap<keyof typeof KINDS, number> {
    return this.#budgets.omitted;
  }

  /** Returns whether the end of another leg may be logged. To be called once per leg. */
  saysEnd(): boolean {
    return this.#budgets.take('leg-ended');
  }

  /** Logs the end of a leg that was established. */
  ended(leg: Leg, pairing: Pairing, reason: EndReason, { fromPeer, toPeer }: Carried): void {
    const { tenant, connectionId, role, origin } = leg;
    this.#logger.info(
      {
        event: 'leg-ended',
        connectionId,
        tenant,
        role,
        relay: this.#relay,
        peer: formatAddress(origin.tuple.remote),
        peerRelay: pairing.remote?.id ?? this.#relay,
        otherPeer: formatAddress(pairing.peerAddress),
        reason,
        durationSeconds: Math.round((this.#clock.monotonic() - pairing.since) / 100) / 10,
        packetsFromPeer: fromPeer.packets,
        bytesFromPeer: fromPeer.payloadBytes,
        packetsToPeer: toPeer.packets,
        bytesToPeer: toPeer.payloadBytes,
      },
      `a leg has ended: ${reason.replaceAll('_', ' ')}`,
    );
  }

  /** Logs an error response to an authenticated request. */
  refused(peer: TransportAddress, reason: RefusalReason, name: LegName | undefined): void {
    if (!this.#budgets.take('refused')) return;
    const code = REFUSALS[reason];
    this.#logger.debug(
      { event: 'refused', code, reason, peer: formatAddress(peer), ...(name && nameOf(name)) },
      `a peer's request is refused: ${reason.replaceAll('-', ' ')}`,
    );
  }

  /** Logs a challenge, or a 400 to an unauthenticated request. */
  unauthenticated(
    peer: TransportAddress,
    code: number,
    reason: ChallengeReason,
    username: string | undefined,
  ): void {
    if (!this.#budgets.take('not-authenticated')) return;
    this.#logger.debug(
      { event: 'not-authenticated', code, reason, peer: formatAddress(peer), username },
      `a request is not authenticated: ${reason.replaceAll('-', ' ')}`,
    );
  }

  /** Logs a peer's datagram that was dropped without a response. */
  dropped(peer: TransportAddress, reason: ClientDrop): void {
    if (!this.#budgets.take('dropped')) return;
    this.#logger.debug(
      { event: 'dropped', reason, peer: formatAddress(peer) },
      `a message of a peer is dropped: ${reason.replaceAll('-', ' ')}`,
    );
  }

  /** Logs a dropped trunk control message. */
  trunkDropped(source: TransportAddress, reason: TrunkDrop): void {
    if (!this.#budgets.take('trunk-dropped')) return;
    this.#logger.debug(
      { event: 'trunk-dropped', reason, source: formatAddress(source) },
      `a trunk control message is dropped: ${reason.replaceAll('_', ' ')}`,
    );
  }

  /** Logs the number of omitted lines, at most once a second. */
  tick(): void {
    this.#budgets.tick();
  }
}

function nameOf({ tenant, connectionId, role }: LegName): LegName {
  return { tenant, connectionId, role };
}
