import type { Clock } from '../clock.js';
import { ByteQueue } from './byte-queue.js';
import { Congestion } from './congestion.js';
import { type Ack, type Probe, type Segment, stampDifferenceMs, stampOf } from './message.js';
import { SEGMENTS_MAX } from './receive-window.js';
import { SegmentRoundTrip } from './segment-round-trip.js';

/** RFC 9002 section 6.1.1: later transmissions that must have arrived before one counts as lost. */
const PACKET_THRESHOLD = 3;

/** Probes without an answer after which the path counts as broken. */
const SILENT_PROBES = 3;

interface Flight {
  readonly sequence: number;
  readonly payload: Uint8Array;
  readonly final: boolean;
  /** Of the newest copy. */
  sentAtMs: number;
  /** Place of the newest copy in the order of sending. */
  order: number;
  copies: number;
  lost: boolean;
}

/**
 * The sending half of a byte stream: cuts bytes into segments, keeps them until they are
 * acknowledged, and decides what to send when (loss detection and probes of RFC 9002 section 6).
 */
export class SendWindow {
  readonly roundTrip = new SegmentRoundTrip();
  readonly #clock: Clock;
  readonly #segmentBytesMax: number;
  readonly #congestion = new Congestion();
  readonly #queue = new ByteQueue();
  readonly #flights = new Map<number, Flight>();
  #ended = false;
  #finalCut = false;
  #nextSequence = 0;
  #limit: number = SEGMENTS_MAX;
  #nextOrder = 1;
  #newestArrivedOrder = 0;
  /** When the next segment that later ones have overtaken counts as lost. */
  #lossDueMs: number | undefined;
  #underWay = 0;
  #lastSentMs = 0;
  #backoff = 0;
  #probesDue = 0;
  #copiesSent = 0;
  #lostTotal = 0;
  #acknowledged = 0;

  constructor(options: { readonly clock: Clock; readonly segmentBytesMax: number }) {
    this.#clock = options.clock;
    this.#segmentBytesMax = options.segmentBytesMax;
  }

  /** Bytes written and not yet cut into segments: what backpressure goes by. */
  get queuedBytes(): number {
    return this.#queue.length;
  }

  /** Everything up to the end of the stream has been acknowledged. */
  get finished(): boolean {
    return this.#finalCut && this.#flights.size === 0;
  }

  /** Segments acknowledged so far. */
  get acknowledged(): number {
    return this.#acknowledged;
  }

  /** Copies sent and copies counted as lost. */
  get counts(): { readonly sent: number; readonly lost: number } {
    return { sent: this.#copiesSent, lost: this.#lostTotal };
  }

  write(bytes: Uint8Array): void {
    this.#queue.push(bytes);
  }

  /** No more bytes will be written. */
  end(): void {
    this.#ended = true;
  }

  /** The next message to send now; undefined when nothing may go. */
  next(): Segment | Probe | undefined {
    if (this.#probesDue > 0) {
      this.#probesDue--;
      const [oldest] = this.#flights.values();
      return oldest === undefined ? this.#probe() : this.#transmit(oldest);
    }
    if (this.#underWay >= this.#congestion.window) return undefined;
    if (this.#flights.size > this.#underWay) {
      for (const flight of this.#flights.values()) {
        if (flight.lost) return this.#transmit(flight);
      }
    }
    return this.#hasNew() ? this.#transmit(this.#cut()) : undefined;
  }

  onAck(ack: Ack): void {
    const nowMs = this.#clock.monotonic();
    const busy = this.#underWay >= this.#congestion.window - 1;
    // A sequence that was never sent cannot arrive; a window is believed only with its `next`.
    if (ack.next > this.#nextSequence) return;
    this.#limit = Math.max(this.#limit, ack.next + ack.window);
    if (ack.echo !== undefined) {
      this.roundTrip.add(Math.max(0, stampDifferenceMs(stampOf(nowMs), ack.echo)));
    }
    const arrived = this.#removeArrived(ack, nowMs);
    this.#backoff = 0;
    if (arrived === 0) return;
    this.#acknowledged += arrived;
    this.#congestion.onAcknowledged(arrived, busy);
    this.#detectLoss(nowMs);
  }

  /** When `onDeadline` should be called, monotonic ms. */
  get deadlineMs(): number | undefined {
    if (this.#lossDueMs !== undefined) return this.#lossDueMs;
    const waiting = this.#underWay > 0 || (this.#flights.size === 0 && this.#shut());
    return waiting ? this.#lastSentMs + this.roundTrip.probeMs(this.#backoff) : undefined;
  }

  onDeadline(): void {
    const nowMs = this.#clock.monotonic();
    if (this.#lossDueMs !== undefined) {
      this.#detectLoss(nowMs);
      return;
    }
    this.#backoff++;
    this.#probesDue = 1;
    if (this.#backoff >= SILENT_PROBES) this.#congestion.onSilence();
  }

  /** A new connection carries the stream on: what was under way on the old one is sent again. */
  restart(): void {
    for (const flight of this.#flights.values()) flight.lost = true;
    this.#underWay = 0;
    this.#lossDueMs = undefined;
    this.#backoff = 0;
    this.#probesDue = 0;
    this.#congestion.restart();
  }

  #hasNew(): boolean {
    const more = this.#queue.length > 0 || (this.#ended && !this.#finalCut);
    return more && this.#nextSequence < this.#limit;
  }

  /** There is more to send, but the receiver has no room. */
  #shut(): boolean {
    const more = this.#queue.length > 0 || (this.#ended && !this.#finalCut);
    return more && this.#nextSequence >= this.#limit;
  }

  #cut(): Flight {
    const payload = this.#queue.take(this.#segmentBytesMax);
    const final = this.#ended && this.#queue.length === 0;
    this.#finalCut = final;
    const sequence = this.#nextSequence++;
    const flight = { sequence, payload, final, sentAtMs: 0, order: 0, copies: 0, lost: true };
    this.#flights.set(sequence, flight);
    return flight;
  }

  #transmit(flight: Flight): Segment {
    const nowMs = this.#clock.monotonic();
    if (flight.lost) this.#underWay++;
    flight.lost = false;
    flight.sentAtMs = nowMs;
    flight.order = this.#nextOrder++;
    flight.copies++;
    this.#copiesSent++;
    this.#lastSentMs = nowMs;
    const { sequence, final, payload } = flight;
    return { type: 'segment', sequence, final, stamp: stampOf(nowMs), payload };
  }

  #probe(): Probe {
    this.#lastSentMs = this.#clock.monotonic();
    return { type: 'probe' };
  }

  #removeArrived(ack: Ack, nowMs: number): number {
    let arrived = 0;
    for (const flight of this.#flights.values()) {
      const { sequence } = flight;
      const inRange = ack.ranges.some(({ first, last }) => first <= sequence && sequence <= last);
      if (sequence >= ack.next && !inRange) continue;
      this.#flights.delete(sequence);
      if (!flight.lost) this.#underWay--;
      arrived++;
      // An answer faster than any round trip is to an earlier copy (RFC 8985 section 6.2 step 2).
      const early = nowMs - flight.sentAtMs < this.roundTrip.leastMs;
      if (flight.copies === 1 || !early) {
        this.#newestArrivedOrder = Math.max(this.#newestArrivedOrder, flight.order);
      }
    }
    return arrived;
  }

  #detectLoss(nowMs: number): void {
    let newestLost = 0;
    this.#lossDueMs = undefined;
    for (const flight of this.#flights.values()) {
      if (flight.lost || flight.order >= this.#newestArrivedOrder) continue;
      const passed = this.#newestArrivedOrder - flight.order >= PACKET_THRESHOLD;
      const dueMs = flight.sentAtMs + this.roundTrip.reorderingMs;
      if (!passed && nowMs < dueMs) {
        this.#lossDueMs = Math.min(this.#lossDueMs ?? dueMs, dueMs);
        continue;
      }
      flight.lost = true;
      this.#underWay--;
      this.#lostTotal++;
      newestLost = Math.max(newestLost, flight.order);
    }
    if (newestLost > 0) this.#congestion.onLoss(newestLost, this.#nextOrder);
  }
}
