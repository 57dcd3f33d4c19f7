import { ErrorCode } from '../stun/error-codes.js';
import type { CloseRequest, ControlMessage, ControlOrder } from '../trunk/control-message.js';
import type { PathEvent } from '../trunk/path-event.js';
import type { RemoteRelay } from '../trunk/remote-relay.js';
import type { OverlayContext } from './context.js';
import { type Leg, otherEnd } from './leg.js';
import type { LegEndings } from './leg-endings.js';
import type { LegTransitions } from './leg-transitions.js';
import type { OfferRules } from './offer-rules.js';

/** Legs lost to a relay's silence that are remembered until it answers again. */
const LOST_LEGS_MAX = 131_072;

/** Carries out the control messages of other relays about legs (PROTOCOL.md section 3). */
export class TrunkMessages {
  readonly #context: OverlayContext;
  readonly #transitions: LegTransitions;
  readonly #endings: LegEndings;
  readonly #offers: OfferRules;
  /** What was lost to the silence of relays that have not answered since; goes with the relay. */
  readonly #lost = new WeakMap<RemoteRelay, readonly Leg[]>();

  constructor(
    context: OverlayContext,
    rules: { transitions: LegTransitions; endings: LegEndings; offers: OfferRules },
  ) {
    this.#context = context;
    this.#transitions = rules.transitions;
    this.#endings = rules.endings;
    this.#offers = rules.offers;
  }

  /**
   * Carries out one authentic control message. One that is repeated, which only requests are here,
   * is answered and changes nothing.
   * @returns as `TrunkOptions.onControlMessage`
   */
  control(remote: RemoteRelay, control: ControlMessage, order: ControlOrder): 'left' | undefined {
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
        // A relay that started anew has nothing to close.
        else this.#context.closes.done(remote, transactionId);
    }
    return undefined;
  }

  /**
   * Ends the connection that the other relay has closed, if it is one with that relay. A leg that
   * is still connecting goes on: the other peer may come back before the attempt runs out. So does
   * a connection that was made of what the other relay said later: the close is of an earlier one.
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
   * A relay that started anew, or fell silent, has none of the connections that crossed its trunk.
   * Attempts go on: their offers are repeated, and find the relay or run out.
   */
  relayLost(remote: RemoteRelay, why: 'restarted' | 'silent'): void {
    // A relay that was only silent repeats its offers, so they stay remembered.
    if (why === 'restarted') this.#context.offers.deleteAll(remote.id);
    const lost = this.#context.legs
      .withRemote(remote)
      .filter(({ state }) => state.type === 'established');
    if (why === 'silent') this.#lost.set(remote, lost.slice(0, LOST_LEGS_MAX));
    else this.#lost.delete(remote);
    this.#endings.endAll(lost, 'closed_relay_gone');
  }

  /** Attempts to connect with peers of a relay that cannot be reached fail at once: 447. */
  news(remote: RemoteRelay, news: PathEvent): void {
    if (news.type !== 'reachability' || news.reason === undefined) return;
    const { legs } = this.#context;
    this.#endings.failForUnreachable(
      legs.withRemote(remote).filter(({ state }) => state.type === 'connecting'),
    );
  }

  /**
   * A relay that was only stopped for a while still holds its ends of the connections that were
   * ended here: it is told which, so that its peers learn of the end.
   */
  relayBack(remote: RemoteRelay): void {
    const { legs, closes } = this.#context;
    for (const leg of this.#lost.get(remote) ?? []) {
      if (legs.get(leg) === undefined) closes.send(remote, leg);
    }
    this.#lost.delete(remote);
  }

  /** Tells the sender of data on an index of ours that means nothing any more. */
  unboundIndex(remote: RemoteRelay, sessionIndex: number): void {
    const { trunk, random } = this.#context;
    trunk.send(remote, { type: 'close', transactionId: random(12), subject: { sessionIndex } });
  }
}
