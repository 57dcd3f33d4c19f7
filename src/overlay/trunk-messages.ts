import { ErrorCode } from '../stun/error-codes.js';
import type { CloseRequest, ConnectionMessage, ControlOrder } from '../trunk/control-message.js';
import type { PathEvent } from '../trunk/path-event.js';
import type { RemoteRelay } from '../trunk/remote-relay.js';
import type { OverlayContext } from './context.js';
import type { EndingQueue } from './ending-queue.js';
import { type Leg, otherEnd } from './leg.js';
import type { LegTransitions } from './leg-transitions.js';
import type { OfferRules } from './offer-rules.js';

/** Maximum legs lost by a relay's silence that are remembered until it answers again. */
const LOST_LEGS_MAX = 131_072;

/** Handles other relays' control messages about legs (PROTOCOL.md section 3). */
export class TrunkMessages {
  readonly #context: OverlayContext;
  readonly #transitions: LegTransitions;
  readonly #endings: EndingQueue;
  readonly #offers: OfferRules;
  /** Legs lost by the silence of relays that have not answered since. */
  readonly #lost = new WeakMap<RemoteRelay, readonly Leg[]>();

  constructor(
    context: OverlayContext,
    rules: { transitions: LegTransitions; endings: EndingQueue; offers: OfferRules },
  ) {
    this.#context = context;
    this.#transitions = rules.transitions;
    this.#endings = rules.endings;
    this.#offers = rules.offers;
  }

  /**
   * Handles an authentic control message. A repeated one, which is always a request, is answered
   * and has no effect.
   * @returns as `TrunkOptions.onControlMessage`
   */
  control(
    remote: RemoteRelay,
    control: ConnectionMessage,
    order: ControlOrder,
  ): 'left' | undefined {
    const { transactionId } = control;
    switch (control.type) {
      case 'offer':
        if (order.repeated) this.#offers.repeated(remote, control);
        else return this.#offers.offered(remote, { ...control, counter: order.counter });
        break;
      case 'offer-accepted':
        this.#offers.accepted(remote, { ...control, counter: order.counter });
        break;
      case 'offer-refused':
        this.#offers.refused(remote, { ...control, counter: order.counter });
        break;
      case 'close':
        if (!order.repeated) this.#close(remote, control, order.counter);
        this.#context.trunk.send(remote, { type: 'close-done', transactionId });
        break;
      case 'close-done':
        this.#context.closes.done(remote, transactionId);
        break;
      case 'other-start':
        if (control.request === 'offer') this.#offers.lostByRestart(remote, transactionId);
        // A restarted relay has no connection to close.
        else this.#context.closes.done(remote, transactionId);
    }
    return undefined;
  }

  /**
   * Ends the connection that the other relay has closed, if it is with that relay. A connecting leg
   * continues, because the other peer may return before the attempt ends. A connection that was
   * established by a later message of the other relay continues too: the close is for an earlier
   * one.
   */
  #close(remote: RemoteRelay, { subject, code }: CloseRequest, counter: number): void {
    const { offers, legs, indexes } = this.#context;
    const reason = code === ErrorCode.PeerSilent ? 'closed_other_silent' : 'closed_by_other_side';
    if ('sessionIndex' in subject) {
      const leg = indexes.byRemoteIndex(remote, subject.sessionIndex);
      if (leg) this.#transitions.end(leg, reason);
      return;
    }
    offers.deleteUpTo(remote.id, subject, counter);
    const leg = legs.get(otherEnd(subject));
    if (leg?.state.type !== 'established' || leg.peerRelay !== remote) return;
    if (counter >= leg.state.remoteCounter) this.#transitions.end(leg, reason);
  }

  /**
   * Ends the established connections with a relay that has restarted or fallen silent. Attempts
   * continue: their offers are repeated until the relay answers or they time out.
   */
  relayLost(remote: RemoteRelay, why: 'restarted' | 'silent'): void {
    // A relay that was only silent retransmits its offers with the same counters, so they stay
    // known.
    if (why === 'restarted') this.#context.offers.deleteAll(remote.id);
    const lost = this.#context.legs
      .withRemote(remote)
      .filter(({ state }) => state.type === 'established');
    if (why === 'silent') this.#lost.set(remote, lost.slice(0, LOST_LEGS_MAX));
    else this.#lost.delete(remote);
    this.#endings.endAll(lost, 'closed_relay_gone');
  }

  /** Fails attempts with a relay that has become unreachable: 447. */
  news(remote: RemoteRelay, news: PathEvent): void {
    if (news.type !== 'reachability' || news.reason === undefined) return;
    const { legs } = this.#context;
    this.#endings.failForUnreachable(
      legs.withRemote(remote).filter(({ state }) => state.type === 'connecting'),
    );
  }

  /**
   * Sends closes to a relay that is back without a restart: it still holds its ends of the
   * connections that were ended here.
   */
  relayBack(remote: RemoteRelay): void {
    const { legs, closes } = this.#context;
    for (const leg of this.#lost.get(remote) ?? []) {
      if (legs.get(leg) === undefined) closes.send(remote, leg);
    }
    this.#lost.delete(remote);
  }

  /**
   * Sends a close to the sender of data on an unbound index of this relay. An index that is bound
   * here is reported where its entry has expired because these rules did not run: the leg is
   * extended or ended by its own deadline.
   */
  unboundIndex(remote: RemoteRelay, sessionIndex: number): void {
    const { trunk, random, forwarding } = this.#context;
    if (forwarding.isBound(sessionIndex)) return;
    trunk.send(remote, { type: 'close', transactionId: random(12), subject: { sessionIndex } });
  }
}
