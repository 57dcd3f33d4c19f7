import type { RandomBytes } from '../random.js';
import type { StunMessage } from '../stun/message.js';
import { type ConnectionState, isHeld } from './connection-state.js';
import { DataLiveness, RELAY_QUIET_MS } from './data-liveness.js';
import { LegTimers } from './leg-timers.js';
import { RELAY_ABSENT_MS, RELAY_UNRESPONSIVE_MS, RelayCheck } from './relay-check.js';
import type { Scheduler } from './scheduler.js';

export interface LegLivenessOptions {
  readonly scheduler: Scheduler;
  readonly random: RandomBytes;
  /** Returns the present state of the connection. */
  readonly state: () => ConnectionState;
  /** Sends a Refresh until it is answered or the signal aborts. */
  readonly ask: (signal: AbortSignal) => Promise<StunMessage>;
  /** Returns the present retransmission timeout, ms. */
  readonly rtoMs: () => number;
  /** Called when a Refresh is due. */
  readonly onRefreshDue: () => void;
  /** Called when a Binding indication is due: as a keepalive, or as a sign of life. */
  readonly onSignDue: () => void;
  /**
   * Called with false when the relay's response is overdue, and with true when it is heard again.
   */
  readonly onResponsive: (responsive: boolean) => void;
  /** Called with the response to a Refresh that checked the relay. */
  readonly onAnswered: (answer: StunMessage) => void;
  /** Called when that Refresh was refused, or with undefined when it was not answered in time. */
  readonly onFailed: (error: unknown) => void;
}

/**
 * Keeps one leg alive, and decides when to check its relay (docs/liveness.md): when a timer
 * expires, when data is unanswered, or after an event that suggests that the relay is gone. It must
 * be told of everything that is sent and received.
 */
export class LegLiveness {
  readonly timers: LegTimers;
  readonly #options: LegLivenessOptions;
  readonly #data: DataLiveness;
  readonly #relay: RelayCheck;
  /** The last send error since the relay was heard. */
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
    this.#relay = new RelayCheck({
      scheduler,
      ask: options.ask,
      rtoMs: options.rtoMs,
      onUnresponsive: () => onResponsive(false),
      onResponsive: () => onResponsive(true),
      onAnswered: options.onAnswered,
      onFailed: options.onFailed,
    });
  }

  /** False while a response of the relay is overdue. */
  get responsive(): boolean {
    return this.#relay.responsive;
  }

  /** The last error of a send, or of the network, since the relay was heard. */
  get sendError(): NodeJS.ErrnoException | undefined {
    return this.#sendError;
  }

  /**
   * Time for the relay's response, ms. Shorter before the connection is established, when another
   * relay can still be taken, and after ECONNREFUSED.
   */
  get patienceMs(): number {
    const isRefused = this.#sendError?.code === 'ECONNREFUSED';
    const isSparing = this.#options.state() === 'established' && !isRefused;
    return isSparing ? RELAY_UNRESPONSIVE_MS : RELAY_ABSENT_MS;
  }

  /** Notes a data datagram that was sent. */
  noteDataSent(): void {
    this.timers.noteSent();
    this.#data.noteDataSent();
  }

  /** Notes a control datagram that was sent. */
  noteSent(): void {
    this.timers.noteSent();
    this.#data.noteSent();
  }

  /** Notes a data datagram that was received. */
  noteDataReceived(): void {
    this.timers.noteReceived();
    this.#data.noteDataReceived();
    this.#noteHeard();
  }

  /** Notes a response of the relay. */
  noteAnswered(): void {
    this.timers.noteReceived();
    this.#data.noteAnswered();
    this.#noteHeard();
  }

  /** Takes the relay's reminder that a sign of life is overdue. */
  noteReminder(): void {
    this.#data.noteReminder();
  }

  /** Notes a failed send, or an ICMP error. */
  noteSendError(cause: NodeJS.ErrnoException): void {
    this.#sendError = cause;
  }

  /**
   * Checks whether the relay still has the leg, if it has granted one.
   * @param withinMs - time for the response, ms
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

  /**
   * Checks the relay, with the remaining time of its deadline; at least the usual remainder if the
   * timer fired late.
   */
  #dataIsQuiet(sinceMs: number): void {
    const leastMs = RELAY_UNRESPONSIVE_MS - RELAY_QUIET_MS;
    const passedMs = this.#options.scheduler.monotonic() - sinceMs;
    this.check(Math.max(RELAY_UNRESPONSIVE_MS - passedMs, leastMs));
  }
}
