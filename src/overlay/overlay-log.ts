import { type Logger, pino } from 'pino';
import { formatAddress, type TransportAddress } from '../address.js';
import type { Clock } from '../clock.js';
import { LineLimiter } from '../logging/line-limiter.js';
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

/** Seconds whose lines may be written at once. */
const BURST_SECONDS = 4;

/** Kinds of lines that traffic causes. Each has a budget of its own, so that none hides another. */
const KINDS = {
  'leg-ended': { level: 'info', perSecond: LEG_LINES_PER_SECOND },
  refused: { level: 'debug', perSecond: REFUSAL_LINES_PER_SECOND },
  'not-authenticated': { level: 'debug', perSecond: REFUSAL_LINES_PER_SECOND },
  dropped: { level: 'debug', perSecond: REFUSAL_LINES_PER_SECOND },
  'trunk-dropped': { level: 'debug', perSecond: REFUSAL_LINES_PER_SECOND },
} as const;

type Kind = keyof typeof KINDS;

const NAMES = Object.keys(KINDS) as Kind[];

/**
 * Logs legs and requests: at level info the end of each leg that was established, at level debug
 * each refusal and drop. Each kind is limited in rate, and omitted lines are counted.
 */
export class OverlayLog implements ServerLog {
  readonly #logger: Logger;
  readonly #clock: Clock;
  readonly #relay: string;
  readonly #limiters: Readonly<Record<Kind, LineLimiter>>;
  #saidOmittedAt: number;
  /** Number of omitted lines, by event. */
  readonly omitted = new Map<Kind, number>(NAMES.map((kind) => [kind, 0]));

  /**
   * @param relay - this relay's id
   * @param logger - default silent
   */
  constructor(clock: Clock, relay: string, logger: Logger = pino({ enabled: false })) {
    this.#logger = logger;
    this.#clock = clock;
    this.#relay = relay;
    const limiters = NAMES.map((kind) => {
      const { perSecond } = KINDS[kind];
      return [kind, new LineLimiter({ perSecond, burst: BURST_SECONDS * perSecond }, clock)];
    });
    this.#limiters = Object.fromEntries(limiters);
    this.#saidOmittedAt = clock.monotonic();
  }

  /** Returns whether the end of another leg may be logged. To be called once per leg. */
  saysEnd(): boolean {
    return this.#says('leg-ended');
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
    if (!this.#says('refused')) return;
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
    if (!this.#says('not-authenticated')) return;
    this.#logger.debug(
      { event: 'not-authenticated', code, reason, peer: formatAddress(peer), username },
      `a request is not authenticated: ${reason.replaceAll('-', ' ')}`,
    );
  }

  /** Logs a peer's datagram that was dropped without a response. */
  dropped(peer: TransportAddress, reason: ClientDrop): void {
    if (!this.#says('dropped')) return;
    this.#logger.debug(
      { event: 'dropped', reason, peer: formatAddress(peer) },
      `a message of a peer is dropped: ${reason.replaceAll('-', ' ')}`,
    );
  }

  /** Logs a dropped trunk control message. */
  trunkDropped(source: TransportAddress, reason: TrunkDrop): void {
    if (!this.#says('trunk-dropped')) return;
    this.#logger.debug(
      { event: 'trunk-dropped', reason, source: formatAddress(source) },
      `a trunk control message is dropped: ${reason.replaceAll('_', ' ')}`,
    );
  }

  /** Logs the number of omitted lines, at most once a second. */
  tick(): void {
    const now = this.#clock.monotonic();
    if (now - this.#saidOmittedAt < 1_000) return;
    this.#saidOmittedAt = now;
    for (const kind of NAMES) this.#sayOmitted(kind);
  }

  #sayOmitted(of: Kind): void {
    const lines = this.#limiters[of].takeOmitted();
    if (lines === 0) return;
    this.omitted.set(of, (this.omitted.get(of) ?? 0) + lines);
    this.#logger[KINDS[of].level](
      { event: 'lines-omitted', of, lines },
      `${lines} lines like those of event ${of} are left out`,
    );
  }

  #says(kind: Kind): boolean {
    return isEnabled(this.#logger, KINDS[kind].level) && this.#limiters[kind].take();
  }
}

/**
 * Returns whether a level is enabled. A logger that is not pino may not tell, so it gets all lines.
 */
function isEnabled(logger: Logger, level: 'info' | 'debug'): boolean {
  return typeof logger.isLevelEnabled !== 'function' || logger.isLevelEnabled(level);
}

function nameOf({ tenant, connectionId, role }: LegName): LegName {
  return { tenant, connectionId, role };
}
