import type { Clock } from '../clock.js';
import { FairQueue } from '../collections/fair-queue.js';
import { LEG_LIMITS } from '../stun/leg-limits.js';
import { flowOf, type OverlayPlane } from './forwarding.js';
import type { Leg, Pairing } from './leg.js';
import { OVERLAY_LIMITS } from './overlay-limits.js';

/** Maximum legs examined in one tick, before other work has its turn. */
const LEGS_WATCHED_AT_ONCE = 8_192;

/** Maximum peers reminded in one tick, with two datagrams each. */
export const REMINDED_AT_ONCE = 256;

type Meters = Pick<OverlayPlane, 'flowMeter' | 'flowPackets' | 'sessionPackets'>;

/** Interval in which all legs are examined, ms, if there are not too many. */
const PASS_MS = 500;
const TICKS_OF_A_PASS = 5;

/** Maximum assumed duration of a pass, ms; events in it are dated by that. */
const PASS_MS_MAX = 2_000;

/** Pause of the control thread, ms, after which every peer's silence is measured anew. */
const STANDSTILL_MS = 1_500;

/** Offsets in the columns of a leg: packets from its peer, and to it. */
const FROM = 0;
const TO = 1;

/** Share of a peer's time after which it is reminded at each look: twice its promised LIVENESS. */
const REMINDED_FROM = 0.4;

/** Value of `#owed` if no sign of life is owed. */
const NOT_OWED = Number.POSITIVE_INFINITY;

/**
 * Finds established legs whose peer is silent (PROTOCOL.md section 2): nothing has come from its
 * 5-tuple for `OVERLAY_LIMITS.peerSilentMs`; or, for a peer with LIVENESS, nothing for `livenessMs`
 * after the first data sent to it since its last sign of life. Signs of life are requests and
 * indications, and packets that the data plane has counted. A peer that owes a sign for longer than
 * it promised is reminded, because the data or the sign may have been lost. A tick sends at most
 * `REMINDED_AT_ONCE` reminders, the longest waiting first and with tenants taking turns. A peer
 * that was not reminded is judged by the same rule.
 *
 * Each tick examines a fifth of all legs, at most `LEGS_WATCHED_AT_ONCE`, so that a full relay
 * costs a bounded share of the thread. The data are columns of numbers. A leg has one index in all
 * of them; when a leg leaves, the last one takes its index.
 */
export class SilenceWatch {
  readonly #plane: Meters;
  readonly #clock: Clock;
  readonly #remind: (leg: Leg) => void;
  readonly #legs: Leg[] = [];
  /** Meters of the flow from the peer, and of the flow to it or -1 - index of its session. */
  #meters = new Float64Array(2 * 64);
  /** Packet counts at the last look. */
  #packets = new Uint32Array(2 * 64);
  /** Time since which the peer owes a sign of life, monotonic ms. */
  #owed = new Float64Array(64);
  /** Legs to be reminded, in order of arrival per tenant. */
  readonly #unreminded = new FairQueue<Leg>(({ tenant }) => tenant);
  #next = 0;
  #passAt: number;
  /**
   * Duration of the last pass over all legs, ms: events are at most that old when they are seen.
   */
  #passMs = PASS_MS;
  #tickAt: number;
  /** Start of measuring silence, monotonic ms. */
  #since: number;

  /** @param remind - asks a peer for a sign of life */
  constructor(plane: Meters, clock: Clock, remind: (leg: Leg) => void) {
    this.#plane = plane;
    this.#clock = clock;
    this.#remind = remind;
    this.#tickAt = clock.monotonic();
    this.#passAt = this.#tickAt;
    this.#since = this.#tickAt;
  }

  /** Watches a leg that was just established; the data plane has its entries. */
  add(leg: Leg, { channel, other }: Pick<Pairing, 'channel' | 'other'>): void {
    const from = this.#plane.flowMeter({ ...leg.origin, channel });
    const to = other ? this.#plane.flowMeter(flowOf(other)) : -1 - (leg.sessionIndex ?? 0);
    if (from === undefined || to === undefined) return;
    const place = this.#legs.push(leg) - 1;
    leg.watchPlace = place;
    if (2 * place >= this.#meters.length) this.#grow();
    this.#meters.set([from, to], 2 * place);
    this.#packets.set([this.#plane.flowPackets(from), this.#packetsTo(to)], 2 * place);
    this.#owed[place] = NOT_OWED;
  }

  /** Stops watching a leg; no effect if it is not watched. */
  remove(leg: Leg): void {
    const place = leg.watchPlace;
    if (place === undefined) return;
    this.#unreminded.delete(leg);
    leg.watchPlace = undefined;
    const last = this.#legs.length - 1;
    const moved = this.#legs.pop() as Leg;
    if (place === last) return;
    this.#legs[place] = moved;
    moved.watchPlace = place;
    for (const column of [this.#meters, this.#packets]) {
      column.copyWithin(2 * place, 2 * last, 2 * last + 2);
    }
    this.#owed[place] = this.#owed[last] as number;
  }

  /**
   * Examines the next legs. To be called every 100 ms or so.
   * @returns the legs whose peer is silent
   */
  tick(): Leg[] {
    const now = this.#clock.monotonic();
    // This thread was stopped, so signs of life of that time have not been read yet.
    if (now - this.#tickAt > STANDSTILL_MS) this.#since = now;
    this.#tickAt = now;
    const silent: Leg[] = [];
    const share = Math.ceil(this.#legs.length / TICKS_OF_A_PASS);
    for (let left = Math.min(share, LEGS_WATCHED_AT_ONCE); left > 0; left--) {
      if (this.#next >= this.#legs.length) this.#endPass(now);
      const leg = this.#legs[this.#next] as Leg;
      if (this.#isSilent(leg, this.#next, now)) silent.push(leg);
      this.#next += 1;
    }
    for (const leg of silent) this.#unreminded.delete(leg);
    this.#remindSome();
    return silent;
  }

  #remindSome(): void {
    let left: number = REMINDED_AT_ONCE;
    while (left > 0) {
      const leg = this.#unreminded.take();
      if (leg === undefined) return;
      const owed = this.#owed[leg.watchPlace as number] as number;
      // The peer may have given a sign of life meanwhile.
      if (owed === NOT_OWED || owed <= this.#heardAt(leg)) continue;
      this.#remind(leg);
      left -= 1;
    }
  }

  #endPass(now: number): void {
    this.#next = 0;
    this.#passMs = Math.min(now - this.#passAt, PASS_MS_MAX);
    this.#passAt = now;
  }

  /**
   * Examines one leg. The packet count from the peer is read only if it may matter: if data goes to
   * a peer with LIVENESS, or if nothing else was heard for a keepalive interval. So an idle leg
   * costs almost nothing.
   */
  #isSilent(leg: Leg, place: number, now: number): boolean {
    const hasPromised = leg.livenessMs > 0;
    const fed = hasPromised && this.#isFed(place);
    const mayOwe = hasPromised && (fed || this.#owed[place] !== NOT_OWED);
    if (!mayOwe && now - this.#heardAt(leg) < LEG_LIMITS.keepaliveMs) return false;
    const from = this.#plane.flowPackets(this.#meters[2 * place + FROM] as number);
    if (from !== this.#packets[2 * place + FROM]) {
      this.#packets[2 * place + FROM] = from;
      this.#owed[place] = NOT_OWED;
      leg.signs.heardAt = Math.max(leg.signs.heardAt, now - this.#passMs);
    }
    const heardAt = this.#heardAt(leg);
    if (now - heardAt >= OVERLAY_LIMITS.peerSilentMs) return true;
    return mayOwe && this.#isOverdue(leg, place, { fed, heardAt, now });
  }

  /**
   * Returns whether a promised sign of life is overdue. If data and a sign came between two looks,
   * the data may be the later one, so the time counts from now.
   */
  #isOverdue(
    leg: Leg,
    place: number,
    { fed, heardAt, now }: { fed: boolean; heardAt: number; now: number },
  ): boolean {
    const before = this.#owed[place] as number;
    const isOwed = before !== NOT_OWED && before > heardAt;
    const since = isOwed ? before : fed ? now : NOT_OWED;
    this.#owed[place] = since;
    if (since === NOT_OWED) return false;
    // The data may have been sent up to one pass before it was seen.
    const owingMs = now - since + Math.min(this.#passMs, PASS_MS);
    if (owingMs >= leg.livenessMs) return true;
    if (owingMs >= leg.livenessMs * REMINDED_FROM) this.#unreminded.add(leg);
    else this.#unreminded.delete(leg);
    return false;
  }

  /** Returns whether data has been sent to the peer since the last look. */
  #isFed(place: number): boolean {
    const to = this.#packetsTo(this.#meters[2 * place + TO] as number);
    if (to === this.#packets[2 * place + TO]) return false;
    this.#packets[2 * place + TO] = to;
    return true;
  }

  #heardAt({ signs }: Leg): number {
    return Math.max(signs.heardAt, this.#since);
  }

  #packetsTo(meter: number): number {
    return meter < 0 ? this.#plane.sessionPackets(-1 - meter) : this.#plane.flowPackets(meter);
  }

  #grow(): void {
    const [meters, packets, owed] = [this.#meters, this.#packets, this.#owed];
    this.#meters = new Float64Array(2 * meters.length);
    this.#packets = new Uint32Array(2 * packets.length);
    this.#owed = new Float64Array(2 * owed.length);
    this.#meters.set(meters);
    this.#packets.set(packets);
    this.#owed.set(owed);
  }
}
