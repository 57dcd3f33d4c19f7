import type { Clock } from '../clock.js';
import { FairQueue } from '../collections/fair-queue.js';
import { flowOf, type OverlayPlane } from './forwarding.js';
import type { Leg, Pairing } from './leg.js';
import { LEG_LIMITS } from './leg-limits.js';

/** Legs looked at for silence in one go, before other work has its turn. */
const LEGS_WATCHED_AT_ONCE = 8_192;

/** Of those, how many are reminded; two datagrams each. */
export const REMINDED_AT_ONCE = 256;

type Meters = Pick<OverlayPlane, 'flowMeter' | 'flowPackets' | 'sessionPackets'>;

/** Legs are looked at this often, in milliseconds, where they are not very many. */
const PASS_MS = 500;
const TICKS_OF_A_PASS = 5;

/** The longest that a pass counts for, in milliseconds: what happened in it is dated by that. */
const PASS_MS_MAX = 2_000;

/** After a pause of the control thread this long, in milliseconds, every peer has its time anew. */
const STANDSTILL_MS = 1_500;

/** Numbers of a watched leg: packets from its peer, and to it. */
const FROM = 0;
const TO = 1;

/** The part of a peer's time after which it is reminded at each look: twice what it promised. */
const REMINDED_FROM = 0.4;

/** Stands for the time since which a sign of life is owed, where none is. */
const NOT_OWED = Number.POSITIVE_INFINITY;

/**
 * Finds established legs whose peer is silent (PROTOCOL.md section 2): nothing at all came from its
 * 5-tuple for 50 s, or, where the peer promised a fast sign of life, for 5 s after the first packet
 * of data that went to it since its last one. Signs of life are what the control plane has heard,
 * and packets that the data plane has counted. A peer that owes one for longer than it promised is
 * reminded, because the packet may have been lost on its way, or the sign. Of very many, each tick
 * reminds `REMINDED_AT_ONCE`, in turns of the tenants, those first that have waited longest for it;
 * a peer that is left out is held silent by the same rule.
 *
 * Each tick looks at a slice: a fifth of all, but never more than `LEGS_WATCHED_AT_ONCE`, so that a
 * full relay costs no more than a bounded share of the thread. What is looked at lies in columns of
 * numbers; a leg's place in them is its own, and the last one takes the place of one that leaves.
 */
export class SilenceWatch {
  readonly #plane: Meters;
  readonly #clock: Clock;
  readonly #remind: (leg: Leg) => void;
  readonly #legs: Leg[] = [];
  /** Meters of the flow from the peer; and of what goes to it, or -1 - index of its session. */
  #meters = new Float64Array(2 * 64);
  /** Packets at the last look. */
  #packets = new Uint32Array(2 * 64);
  /** Since when the peer owes a sign of life. */
  #owed = new Float64Array(64);
  /** Those to be reminded, of each tenant in the order in which they came to be. */
  readonly #unreminded = new FairQueue<Leg>(({ tenant }) => tenant);
  #next = 0;
  #passAt: number;
  /** How long the last pass over all legs took: what is seen came no earlier than so long ago. */
  #passMs = PASS_MS;
  #tickAt: number;
  /** Nobody was silent before this. */
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

  /** Watches a leg that has just been established; its entries are in the data plane. */
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

  /** Forgets a leg; harmless when it is not watched. */
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
   * Looks at the next slice; called every 100 ms or so.
   * @returns those that are silent
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
      // It may have given a sign while it waited.
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
   * Packets from the peer are looked at only where they may matter: when data goes to a peer that
   * has promised to answer it, or when nothing else was heard for the time of a keepalive. A leg
   * that is idle and kept alive so costs next to nothing.
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
    if (now - heardAt >= LEG_LIMITS.peerSilentMs) return true;
    return mayOwe && this.#isOverdue(leg, place, { fed, heardAt, now });
  }

  /**
   * Whether the sign of life that was promised is missing for too long. Where data and a sign came
   * between two looks, the data may have come later: so it is counted from then on.
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
    // The packet came up to one pass before it was seen.
    const owingMs = now - since + Math.min(this.#passMs, PASS_MS);
    if (owingMs >= leg.livenessMs) return true;
    if (owingMs >= leg.livenessMs * REMINDED_FROM) this.#unreminded.add(leg);
    else this.#unreminded.delete(leg);
    return false;
  }

  /** Whether data has gone to the peer since the last look. */
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
