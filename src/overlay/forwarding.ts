import { isTurnpikeError } from '../errors.js';
import type { ClientFlow, DataPlane, LegTraffic } from '../native/types.js';
import type { RemoteRelay } from '../trunk/remote-relay.js';
import type { Leg, Pairing } from './leg.js';

/**
 * All that the overlay does outside of itself, the messages to other relays apart (`Trunk`), and
 * all that it asks: entries of legs, datagrams to peers, and what the entries have carried. A
 * datagram leaves after the changes of entries that were asked for before it.
 */
export type OverlayPlane = Pick<
  DataPlane,
  | 'putClientFlow'
  | 'removeClientFlow'
  | 'putSession'
  | 'removeSession'
  | 'send'
  | 'flowTraffic'
  | 'sessionTraffic'
  | 'flowMeter'
  | 'flowPackets'
  | 'sessionPackets'
>;

/** What a leg has carried, by direction. */
export interface Carried {
  readonly fromPeer: LegTraffic;
  readonly toPeer: LegTraffic;
}

const NOTHING: LegTraffic = { packets: 0, payloadBytes: 0, idleSeconds: undefined };

/** The entry of what comes from a leg's peer. */
export function flowOf({ origin: { worker, tuple }, channel = 0 }: Leg): ClientFlow {
  return { worker, tuple, channel };
}

/**
 * The entries of legs in the data plane: the flow of what comes from a peer, and the session of
 * what comes from another relay.
 */
export class Forwarding {
  readonly #plane: OverlayPlane;

  constructor(plane: OverlayPlane) {
    this.#plane = plane;
  }

  /**
   * Forwards between the peers of two legs of this relay.
   * @returns false where the data plane has no room: nothing is forwarded then
   */
  join(one: Leg, other: Leg): boolean {
    const isDone = this.#puts(() => {
      this.#toClient(one, other);
      this.#toClient(other, one);
    });
    if (!isDone) for (const leg of [one, other]) this.#plane.removeClientFlow(flowOf(leg));
    return isDone;
  }

  #toClient(from: Leg, to: Leg): void {
    const { tuple, channel } = flowOf(to);
    this.#plane.putClientFlow(flowOf(from), { type: 'client', tuple, channel });
  }

  /**
   * Accepts records of another relay on an index and forwards them to the leg's peer.
   * @returns false where the data plane has no room
   */
  bindSession(sessionIndex: number, { relayIndex }: RemoteRelay, leg: Leg): boolean {
    const { tuple, channel } = flowOf(leg);
    return this.#puts(() => this.#plane.putSession(sessionIndex, { relayIndex, tuple, channel }));
  }

  unbindSession(sessionIndex: number): void {
    this.#plane.removeSession(sessionIndex);
  }

  /**
   * Forwards what comes from the leg's peer to another relay, on that relay's index.
   * @returns false where the data plane has no room
   */
  toRelay(leg: Leg, { relayIndex }: RemoteRelay, sessionIndex: number): boolean {
    const action = { type: 'trunk', relayIndex, sessionIndex } as const;
    return this.#puts(() => this.#plane.putClientFlow(flowOf(leg), action));
  }

  /** Drops what comes from the leg's peer from now on. */
  stop(leg: Leg): void {
    this.#plane.removeClientFlow(flowOf(leg));
  }

  /** What a leg has carried, while its entries are there. */
  carried(leg: Leg, { other }: Pick<Pairing, 'other'>): Carried {
    const fromPeer = this.#plane.flowTraffic(flowOf(leg)) ?? NOTHING;
    // What leaves to a peer comes on its session, or is what the other peer of this relay sent.
    const toPeer =
      other === undefined
        ? this.#plane.sessionTraffic(leg.sessionIndex ?? 0)
        : (this.#plane.flowTraffic(flowOf(other)) ?? NOTHING);
    return { fromPeer, toPeer };
  }

  /** Only a full table or queue is expected; anything else is a fault and must be seen. */
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
