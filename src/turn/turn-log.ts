import { type Logger, pino } from 'pino';
import { formatAddress, type TransportAddress } from '../address.js';
import type { Clock } from '../clock.js';
import { LineLimiter } from '../logging/line-limiter.js';
import type { ChallengeReason, ClientDrop, ServerLog } from '../stun-server/server-context.js';
import type { EndedAllocation } from './allocation-events.js';
import { REFUSALS, type RefusalReason } from './refusals.js';

/** Maximum lines per second about ended allocations; omitted ones are counted. */
const ALLOCATION_LINES_PER_SECOND = 20;

/** Maximum lines per second of each kind of refusals and drops; omitted ones are counted. */
export const TURN_REFUSAL_LINES_PER_SECOND = 200;

/** Seconds whose lines may be written at once. */
const BURST_SECONDS = 4;

/** Kinds of lines that traffic causes. Each has a budget of its own, so that none hides another. */
const KINDS = {
  'allocation-ended': { level: 'info', perSecond: ALLOCATION_LINES_PER_SECOND },
  refused: { level: 'debug', perSecond: TURN_REFUSAL_LINES_PER_SECOND },
  'not-authenticated': { level: 'debug', perSecond: TURN_REFUSAL_LINES_PER_SECOND },
  dropped: { level: 'debug', perSecond: TURN_REFUSAL_LINES_PER_SECOND },
} as const;

type Kind = keyof typeof KINDS;

const NAMES = Object.keys(KINDS) as Kind[];

/**
 * Logs allocations and requests: at level info the end of each allocation, at level debug each
 * refusal and drop. Each kind is limited in rate, and omitted lines are counted.
 */
export class TurnLog implements ServerLog {
  readonly #logger: Logger;
  readonly #clock: Clock;
  readonly #limiters: Readonly<Record<Kind, LineLimiter>>;
  #saidOmittedAt: number;
  /** Number of omitted lines, by event. */
  readonly omitted = new Map<Kind, number>(NAMES.map((kind) => [kind, 0]));

  /** @param logger - default silent */
  constructor(clock: Clock, logger: Logger = pino({ enabled: false })) {
    this.#logger = logger;
    this.#clock = clock;
    const limiters = NAMES.map((kind) => {
      const { perSecond } = KINDS[kind];
      return [kind, new LineLimiter({ perSecond, burst: BURST_SECONDS * perSecond }, clock)];
    });
    this.#limiters = Object.fromEntries(limiters);
    this.#saidOmittedAt = clock.monotonic();
  }

  /** Logs the end of an allocation. */
  ended({ username, client, relayed, reason, seconds, traffic }: EndedAllocation): void {
    if (!this.#says('allocation-ended')) return;
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
      },
      `an allocation has ended: ${reason.replaceAll('-', ' ')}`,
    );
  }

  /** Logs an error response to an authenticated request. */
  refused(client: TransportAddress, reason: RefusalReason, username: string): void {
    if (!this.#says('refused')) return;
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
    if (!this.#says('not-authenticated')) return;
    this.#logger.debug(
      { event: 'not-authenticated', code, reason, client: formatAddress(client), username },
      `a request is not authenticated: ${reason.replaceAll('-', ' ')}`,
    );
  }

  /** Logs a client's datagram that was dropped without a response. */
  dropped(client: TransportAddress, reason: ClientDrop): void {
    if (!this.#says('dropped')) return;
    this.#logger.debug(
      { event: 'dropped', reason, client: formatAddress(client) },
      `a message of a client is dropped: ${reason.replaceAll('-', ' ')}`,
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
