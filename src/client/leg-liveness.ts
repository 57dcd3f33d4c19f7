import type { RandomBytes } from '../random.js';
import type { StunMessage } from '../stun/message.js';
import { type ConnectionState, isHeld } from './connection-state.js';
import { DataLiveness, RELAY_QUIET_MS } from './data-liveness.js';
import { LegTimers } from './leg-timers.js';
import { RELAY_ABSENT_MS, RELAY_UNRESPONSIVE_MS, RelayLiveness } from './relay-liveness.js';
import type { Scheduler } from './scheduler.js';

export interface LegLivenessOptions {
  readonly scheduler: Scheduler;
  readonly random: RandomBytes;
  /** The state of the connection now. */
  readonly state: () => ConnectionState;
  /** Sends a Refresh until it is answered, or until the signal. */
  readonly ask: (signal: AbortSignal) => Promise<StunMessage>;
  /** The retransmission timeout now, milliseconds. */
  readonly rtoMs: () => number;
  /** Time for a Refresh. */
  readonly onRefreshDue: () => void;
  /** Time for a Binding indication: a keepalive of the NATs' mappings, or a sign of life. */
  readonly onSignDue: () => void;
  /** The relay leaves a question unanswered; it answers after all. */
  readonly onResponsive: (responsive: boolean) => void;
  /** The relay answered the Refresh that asked whether it has the leg. */
  readonly onAnswered: (answer: StunMessage) => void;
  /** The relay refused it, or did not answer in time: `error` is undefined then. */
  readonly onFailed: (error: unknown) => void;
}

/**
 * Keeps one leg alive, and decides when its relay is asked whether it lives (docs/liveness.md):
 * because a timer is due, because data is not answered, or because something else happened after
 * which the relay may be gone. Everything that is sent and received is told to it.
 */
export class LegLiveness {
  readonly timers: LegTimers;
  readonly #options: LegLivenessOptions;
  readonly #data: DataLiveness;
  readonly #relay: RelayLiveness;
  /** Why sending fails, since the relay was last heard. */
  #sendError: NodeJS.ErrnoException | undefined;

  constructor(options: LegLivenessOptions) {
    const { scheduler, random, onRefreshDue, onSignDue, onResponsive } = options;
    this.#options = options;
    this.timers = new LegTimers({
      scheduler,
      random,
      onRefresh: onRefreshDue,
      onKeepalive: onSignDue,
    });
    this.#data = new DataLiveness({
      scheduler,
      onQuiet: (sinceMs) => this.#dataIsQuiet(sinceMs),
      onSignDue,
    });
    this.#relay = new RelayLiveness({
      scheduler,
      ask: options.ask,
      rtoMs: options.rtoMs,
      onUnresponsive: () => onResponsive(false),
      onResponsive: () => onResponsive(true),
      onAnswered: options.onAnswered,
      onFailed: options.onFailed,
    });
  }

  /** False while the relay leaves a question unanswered. */
  get responsive(): boolean {
    return this.#relay.responsive;
  }

  /** Why sending fails, or what the network said of it, since the relay was last heard. */
  get sendError(): NodeJS.ErrnoException | undefined {
    return this.#sendError;
  }

  /**
   * How long the relay has to answer, milliseconds: less before there is a connection, as another
   * relay costs nothing then, and after the network said that nothing listens there.
   */
  get patienceMs(): number {
    const isRefused = this.#sendError?.code === 'ECONNREFUSED';
    const isSparing = this.#options.state() === 'established' && !isRefused;
    return isSparing ? RELAY_UNRESPONSIVE_MS : RELAY_ABSENT_MS;
  }

  /** A datagram of data was sent. */
  noteDataSent(): void {
    this.timers.noteSent();
    this.#data.noteDataSent();
  }

  /** A datagram of control was sent. */
  noteSent(): void {
    this.timers.noteSent();
    this.#data.noteSent();
  }

  /** A datagram of data came. */
  noteDataReceived(): void {
    this.timers.noteReceived();
    this.#data.noteDataReceived();
    this.#noteHeard();
  }

  /** The relay answered a request. */
  noteAnswered(): void {
    this.timers.noteReceived();
    this.#data.noteAnswered();
    this.#noteHeard();
  }

  /** The relay reminds this peer of the sign of life that it owes. */
  noteReminder(): void {
    this.#data.noteReminder();
  }

  /** A datagram could not be sent, or the network says that nobody takes it. */
  noteSendError(cause: NodeJS.ErrnoException): void {
    this.#sendError = cause;
  }

  /**
   * Asks the relay whether it has the leg still, if it has granted one.
   * @param withinMs - how long it has to answer
   */
  check(withinMs = this.patienceMs): void {
    if (isHeld(this.#options.state())) this.#relay.check(withinMs);
  }

  stop(): void {
    this.timers.stop();
    this.#data.stop();
    this.#relay.stop();
  }

  #noteHeard(): void {
    this.#sendError = undefined;
    this.#relay.noteHeard();
  }

  /** However late this is noticed, the relay has the time that it would have had. */
  #dataIsQuiet(sinceMs: number): void {
    const leastMs = RELAY_UNRESPONSIVE_MS - RELAY_QUIET_MS;
    const passedMs = this.#options.scheduler.monotonic() - sinceMs;
    this.check(Math.max(RELAY_UNRESPONSIVE_MS - passedMs, leastMs));
  }
}
