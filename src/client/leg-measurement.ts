import type { RandomBytes } from '../random.js';
import type { LegQuality } from '../stun/leg-quality.js';
import type { StunMessage } from '../stun/message.js';
import { Method } from '../stun/methods.js';
import { MessageWriter } from '../stun/writer.js';
import type { RequestOutcome } from './requests.js';
import { jitterOf, midmean } from './sample-statistics.js';
import { type Cancel, IdleTimer, type Scheduler } from './scheduler.js';

/** Maximum time without a measured round trip after which a peer sends one Binding request. */
export const LEG_PROBE_MS = 60_000;

/** Time after which the answer to that request counts as lost. */
export const LEG_PROBE_ANSWER_MS = 3_000;

/** Maximum round trips that a peer keeps for its next Refresh: the newest. */
export const LEG_ROUND_TRIPS_MAX = 64;

/** What a Refresh tells, and what to do once it was answered. */
export interface LegReport {
  readonly quality: LegQuality;
  /** Forgets what the report had, so that the next one has only newer measurements. */
  readonly delivered: () => void;
}

export interface LegMeasurementOptions {
  readonly scheduler: Scheduler;
  readonly random: RandomBytes;
  /** Sends a datagram to the relay. */
  readonly transmit: (bytes: Uint8Array) => void;
}

/**
 * Measures the path from a peer to its relay and back for LEG-QUALITY (PROTOCOL.md section 2): the
 * round trips and losses of the requests that the peer sends anyway. Only a leg without one for
 * about LEG_PROBE_MS, on which data flow both ways, sends one Binding request.
 */
export class LegMeasurement {
  readonly #options: LegMeasurementOptions;
  readonly #idle: IdleTimer;
  #roundTripsMs: number[] = [];
  /** Number of round trips that were ever added. */
  #added = 0;
  #leastMs = Number.POSITIVE_INFINITY;
  /** Requests of which the first transmission was answered, and was not. */
  #answered = 0;
  #lost = 0;
  #probe: { readonly id: Uint8Array; readonly sentAtMs: number } | undefined;
  #cancelProbe: Cancel | undefined;

  constructor(options: LegMeasurementOptions) {
    this.#options = options;
    // At random, so that peers that connected together do not probe together.
    const [byte = 0] = options.random(1);
    const idleMs = Math.round(LEG_PROBE_MS * (0.75 + byte / 0xff / 4));
    this.#idle = new IdleTimer(options.scheduler, idleMs, () => this.#sendProbe());
  }

  start(): void {
    this.#idle.start();
  }

  stop(): void {
    this.#idle.stop();
    this.#cancelProbe?.();
    this.#probe = undefined;
  }

  /** Notes the end of a request that the relay answers at once. */
  noteRequest({ isAnswered, transmissions, elapsedMs, sinceLastMs }: RequestOutcome): void {
    if (isAnswered && transmissions === 1) this.#add(elapsedMs);
    else if (transmissions > 1 && (!isAnswered || sinceLastMs >= this.#leastMs)) this.#lost += 1;
    // Otherwise the answer to the first transmission may only have been late, or nothing is known.
  }

  /** Takes the answer to a Binding request. @returns whether it was one of this leg's */
  receive({ messageClass, transactionId }: StunMessage): boolean {
    const probe = this.#probe;
    if (probe === undefined || Buffer.compare(probe.id, transactionId) !== 0) return false;
    this.#cancelProbe?.();
    this.#probe = undefined;
    if (messageClass !== 'success') return false;
    this.#add(this.#options.scheduler.monotonic() - probe.sentAtMs);
    return true;
  }

  /** Returns what the next Refresh tells the relay; undefined without a round trip. */
  report(): LegReport | undefined {
    const count = this.#roundTripsMs.length;
    if (count === 0) return undefined;
    const [added, answered, lost] = [this.#added, this.#answered, this.#lost];
    return {
      quality: {
        rttMs: midmean(this.#roundTripsMs),
        jitterMs: jitterOf(this.#roundTripsMs),
        loss: lost / (answered + lost),
        count,
      },
      delivered: () => {
        const newer = this.#added - added;
        this.#roundTripsMs = newer === 0 ? [] : this.#roundTripsMs.slice(-newer);
        this.#answered = Math.max(0, this.#answered - answered);
        this.#lost = Math.max(0, this.#lost - lost);
      },
    };
  }

  #add(roundTripMs: number): void {
    this.#idle.touch();
    this.#answered += 1;
    this.#added += 1;
    this.#leastMs = Math.min(this.#leastMs, roundTripMs);
    this.#roundTripsMs.push(roundTripMs);
    if (this.#roundTripsMs.length > LEG_ROUND_TRIPS_MAX) this.#roundTripsMs.shift();
  }

  #sendProbe(): void {
    if (this.#probe !== undefined) return;
    const { scheduler, random, transmit } = this.#options;
    const id = random(12);
    this.#probe = { id, sentAtMs: scheduler.monotonic() };
    this.#cancelProbe = scheduler.after(LEG_PROBE_ANSWER_MS, () => {
      this.#probe = undefined;
      this.#lost += 1;
    });
    transmit(new MessageWriter('request', Method.Binding, id).finish());
  }
}
