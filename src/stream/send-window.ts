import type { Clock } from '../clock.js';
import { ByteQueue } from './byte-queue.js';
import { Congestion } from './congestion.js';
import { type Ack, type Probe, type Segment, stampDifferenceMs, stampOf } from './message.js';
import { SEGMENTS_MAX } from './receive-window.js';
import { SegmentRoundTrip } from './segment-round-trip.js';

/**
 * Later transmissions that must have arrived before one counts as lost (RFC 9002 section 6.1.1).
 */
const PACKET_THRESHOLD = 3;

/** Unanswered probes after which the path counts as broken. */
const SILENT_PROBES = 3;

interface Flight {
  readonly sequence: number;
  readonly payload: Uint8Array;
  readonly final: boolean;
  /** Time of the newest copy, monotonic ms. */
  sentAtMs: number;
  /** Number of the newest copy in the order of sending. */
  order: number;
  copies: number;
  lost: boolean;
}

/**
 * The sending half of a byte stream: cuts bytes into segments, keeps them until they are
 * acknowledged, and decides when to send what (loss detection and probes of RFC 9002 section 6).
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
  /** When the next overtaken segment counts as lost, monotonic ms; undefined without one. */
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

  /** Number of written bytes that are not in segments yet; backpressure depends on it. */
  get queuedBytes(): number {
    return this.#queue.length;
  }

  /** Whether everything up to the end of the stream has been acknowledged. */
  get finished(): boolean {
    return this.#finalCut && this.#flights.size === 0;
  }

  /** Number of acknowledged segments. */
  get acknowledged(): number {
    return this.#acknowledged;
  }

  /** Number of copies sent, and of copies counted as lost. */
  get counts(): { readonly sent: number; readonly lost: number } {
    return { sent: this.#copiesSent, lost: this.#lostTotal };
  }

  write(bytes: Uint8Array): void {
    this.#queue.push(bytes);
  }

  /** Marks the end of the written bytes. */
  end(): void {
    this.#ended = true;
  }

  /** Returns the next message to send now; undefined if nothing is allowed. */
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
    // An Ack for an unsent sequence is invalid; its window is ignored too.
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

  /** When to call `onDeadline`, monotonic ms; undefined if nothing is due. */
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

  /** Prepares for a new connection: unacknowledged segments are sent again. */
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

  /** Returns whether there is more to send but the receiver has no room. */
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
      // An answer faster than the shortest round trip is to an earlier copy (RFC 8985 section 6.2
      // step 2).
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
