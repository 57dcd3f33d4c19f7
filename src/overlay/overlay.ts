import type { NonceIssuer } from '../auth/nonce.js';
import type { Clock } from '../clock.js';
import type { RandomBytes } from '../random.js';
import type { Trunk } from '../trunk/trunk.js';
import { Allocate, type RelayFinder } from './allocate.js';
import { CloseRequests } from './close-requests.js';
import { Connect } from './connect.js';
import type { OverlayContext } from './context.js';
import { Forwarding, type OverlayPlane } from './forwarding.js';
import { LegEndings } from './leg-endings.js';
import { LEG_LIMITS } from './leg-limits.js';
import type { LegLog } from './leg-log.js';
import { LegNonces } from './leg-nonces.js';
import { LegTable } from './leg-table.js';
import { LegTransitions } from './leg-transitions.js';
import { OfferRules } from './offers.js';
import { LegPairing } from './pairing.js';
import type { ProvenClients } from './proven-clients.js';
import { ReceivedOffers } from './received-offers.js';
import { Refresh } from './refresh.js';
import { Responses } from './responses.js';
import { SentOffers } from './sent-offers.js';
import { SessionIndexes } from './session-indexes.js';
import { SilenceWatch } from './silence-watch.js';
import { OverlayStats } from './stats.js';
import { LegTimers } from './timers.js';
import { TrunkMessages } from './trunk-messages.js';

/** What the overlay works on. */
export interface OverlayOptions {
  readonly plane: OverlayPlane;
  readonly trunk: Trunk;
  readonly finder: RelayFinder;
  readonly proven: ProvenClients;
  readonly issuer: NonceIssuer;
  readonly log: LegLog;
  readonly clock: Clock;
  readonly random: RandomBytes;
  readonly legsMax: number;
  /** Session indexes of the data plane. */
  readonly sessionsMax: number;
}

/**
 * The rules of legs, connections and offers as a whole: requests of peers, messages of other relays
 * and time go in; what comes of them goes out by `OverlayPlane` and `Trunk`. No socket, no timer.
 */
export class Overlay {
  readonly context: OverlayContext;
  /** Requests of peers. */
  readonly allocate: Allocate;
  readonly connect: Connect;
  readonly refresh: Refresh;
  /** What other relays say of legs. */
  readonly messages: TrunkMessages;
  /** What time brings. */
  readonly timers: LegTimers;
  readonly #transitions: LegTransitions;

  constructor(options: OverlayOptions) {
    this.context = contextOf(options);
    const transitions = new LegTransitions(this.context);
    const endings = new LegEndings(transitions);
    const pairing = new LegPairing(this.context, transitions);
    const offers = new OfferRules(this.context, transitions, pairing);
    this.#transitions = transitions;
    this.allocate = new Allocate(this.context, transitions, options.finder);
    this.connect = new Connect(this.context, transitions, pairing);
    this.refresh = new Refresh(this.context, transitions);
    this.messages = new TrunkMessages(this.context, { transitions, endings, offers });
    this.timers = new LegTimers(this.context, transitions, endings);
  }

  /**
   * Ends all legs with Closed 300, `LEG_LIMITS.endedAtOnce` at each step, because the relay is
   * about to stop: established ones first, as their peers have the most to lose.
   * @yields the number of legs that are left
   */
  *closeAll(): Generator<number> {
    const legs = this.context.legs.all();
    const established = legs.filter(({ state }) => state.type === 'established');
    const others = legs.filter(({ state }) => state.type !== 'established');
    for (const [index, leg] of [...established, ...others].entries()) {
      this.#transitions.end(leg, 'closed_draining');
      if ((index + 1) % LEG_LIMITS.endedAtOnce === 0) yield this.context.legs.size;
    }
  }
}

function contextOf(options: OverlayOptions): OverlayContext {
  const { plane, trunk, proven, issuer, log, clock, random, legsMax, sessionsMax } = options;
  const stats = new OverlayStats();
  const responses = new Responses({ plane, random, stats, log, trunk });
  return {
    clock,
    random,
    plane,
    trunk,
    legs: new LegTable(legsMax, clock.monotonic(), proven),
    proven,
    forwarding: new Forwarding(plane),
    offers: new ReceivedOffers(),
    sentOffers: new SentOffers(trunk, clock, random),
    nonces: new LegNonces({ issuer, clock, random }),
    indexes: new SessionIndexes(sessionsMax),
    closes: new CloseRequests(trunk, clock, random),
    responses,
    stats,
    log,
    silence: new SilenceWatch(plane, clock, (leg) => responses.remind(leg)),
  };
}
