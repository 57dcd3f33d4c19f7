import type { Clock } from '../clock.js';
import { isTurnpikeError } from '../errors.js';
import type { ClientFlow, DataPlane, LegTraffic } from '../native/types.js';
import type { RemoteRelay } from '../trunk/remote-relay.js';
import type { Attempt, SentOffer } from './attempt.js';
import type { Leg, Pairing } from './leg.js';

/**
 * The part of the data plane that the overlay uses: entries of legs, datagrams to peers, and
 * traffic counters. A datagram is sent after all changes of entries that were requested before it.
 */
export type OverlayPlane = Pick<
  DataPlane,
  | 'putClientFlow'
  | 'refreshClientFlow'
  | 'removeClientFlow'
  | 'putSession'
  | 'refreshSession'
  | 'removeSession'
  | 'send'
  | 'flowTraffic'
  | 'sessionTraffic'
  | 'flowMeter'
  | 'flowPackets'
  | 'sessionPackets'
>;

/**
 * Lifetime of an entry in the data plane beyond its leg's. The rules end a leg at its deadline,
 * tell its peer and remove its entries, which takes some seconds for all legs of a full relay. The
 * data plane ends an entry only if the rules do not run.
 */
export const ENTRY_GRACE_SECONDS = 10;

/** Traffic of a leg, by direction. */
export interface Carried {
  readonly fromPeer: LegTraffic;
  readonly toPeer: LegTraffic;
}

const NOTHING: LegTraffic = { packets: 0, payloadBytes: 0, idleSeconds: undefined };

/** Returns the key of the entry for data from a leg's peer. */
export function flowOf({ origin: { worker, tuple }, channel = 0 }: Leg): ClientFlow {
  return { worker, tuple, channel };
}

/**
 * Manages the data plane's entries of legs: a flow for data from a peer, and a session for data
 * from another relay.
 */
export class Forwarding {
  readonly #plane: OverlayPlane;
  readonly #clock: Clock;
  /** Session indexes on which records are accepted. */
  readonly #bound = new Set<number>();

  constructor(plane: OverlayPlane, clock: Clock) {
    this.#plane = plane;
    this.#clock = clock;
  }

  /**
   * Forwards between the peers of two legs of this relay that have just been established, until the
   * first of them expires.
   * @returns false if the data plane has no room; nothing is forwarded then
   */
  join(one: Leg, other: Leg): boolean {
    const seconds = Math.min(one.lifetimeSeconds, other.lifetimeSeconds) + ENTRY_GRACE_SECONDS;
    const isDone = this.#puts(() => {
      this.#toClient(one, other, seconds);
      this.#toClient(other, one, seconds);
    });
    if (!isDone) for (const leg of [one, other]) this.#plane.removeClientFlow(flowOf(leg));
    return isDone;
  }

  #toClient(from: Leg, to: Leg, lifetimeSeconds: number): void {
    const { tuple, channel } = flowOf(to);
    this.#plane.putClientFlow(flowOf(from), { type: 'client', tuple, channel }, lifetimeSeconds);
  }

  /**
   * Accepts another relay's records on an offer's session index, and forwards them to the leg's
   * peer, until the attempt's deadline.
   * @returns false if the data plane has no room
   */
  bindSession(leg: Leg, { offer, deadline }: Attempt & { readonly offer: SentOffer }): boolean {
    const { sessionIndex, remote } = offer;
    const { tuple, channel } = flowOf(leg);
    const action = { relayIndex: remote.relayIndex, tuple, channel };
    const isDone = this.#puts(() =>
      this.#plane.putSession(sessionIndex, action, this.#secondsUntil(deadline)),
    );
    if (isDone) this.#bound.add(sessionIndex);
    return isDone;
  }

  /** Drops records on a session index from now on. */
  unbindSession(sessionIndex: number): void {
    this.#bound.delete(sessionIndex);
    this.#plane.removeSession(sessionIndex);
  }

  /** Returns whether records on a session index are accepted. */
  isBound(sessionIndex: number): boolean {
    return this.#bound.has(sessionIndex);
  }

  /**
   * Forwards both ways between another relay and the peer of a leg that has just been established,
   * until the leg expires. The leg's session is already bound.
   * @param remoteIndex - the other relay's session index
   * @returns false if the data plane has no room
   */
  toRelay(leg: Leg, { relayIndex }: RemoteRelay, remoteIndex: number): boolean {
    const action = { type: 'trunk', relayIndex, sessionIndex: remoteIndex } as const;
    const seconds = leg.lifetimeSeconds + ENTRY_GRACE_SECONDS;
    return this.#puts(() => {
      this.#plane.refreshSession(leg.sessionIndex ?? 0, seconds);
      this.#plane.putClientFlow(flowOf(leg), action, seconds);
    });
  }

  /**
   * Extends the entries of an established leg until it expires. If both legs are at this relay,
   * until the first of them expires, which ends the other one.
   * @param expiresAt - the leg's new expiry, monotonic ms
   * @returns false if the data plane has no room; the entries keep their lifetime then
   */
  prolong(leg: Leg, { other }: Pick<Pairing, 'other'>, expiresAt: number): boolean {
    const otherExpiresAt = other?.state.type === 'established' ? other.state.expiresAt : expiresAt;
    const seconds = this.#secondsUntil(Math.min(expiresAt, otherExpiresAt));
    return this.#puts(() => {
      this.#plane.refreshClientFlow(flowOf(leg), seconds);
      if (other) this.#plane.refreshClientFlow(flowOf(other), seconds);
      else this.#plane.refreshSession(leg.sessionIndex ?? 0, seconds);
    });
  }

  /**
   * Returns the lifetime of an entry that the rules end at a time, s.
   * @param endsAt - monotonic ms
   */
  #secondsUntil(endsAt: number): number {
    const leftMs = Math.max(endsAt - this.#clock.monotonic(), 0);
    return Math.ceil(leftMs / 1_000) + ENTRY_GRACE_SECONDS;
  }

  /** Drops data from the leg's peer from now on. */
  stop(leg: Leg): void {
    this.#plane.removeClientFlow(flowOf(leg));
  }

  /** Returns the traffic of a leg; to be called before its entries are removed. */
  carried(leg: Leg, { other }: Pick<Pairing, 'other'>): Carried {
    const fromPeer = this.#plane.flowTraffic(flowOf(leg)) ?? NOTHING;
    // Data to a peer comes from its session, or from the other leg's flow at this relay.
    const toPeer =
      other === undefined
        ? this.#plane.sessionTraffic(leg.sessionIndex ?? 0)
        : (this.#plane.flowTraffic(flowOf(other)) ?? NOTHING);
    return { fromPeer, toPeer };
  }

  /**
   * Returns whether an action succeeded. Only a full table or queue is expected; other errors are
   * thrown.
   */
  #puts(action: () => void): boolean {
    try {
      action();
      return true;
    } catch (error) {
      const isFull =
        isTurnpikeError(error, 'ERR_TURNPIKE_LIMIT') ||
        isTurnpikeError(error, 'ERR_TURNPIKE_QUEUE_FULL');
      if (!isFull) throw error;
      return false;
    }
  }
}
