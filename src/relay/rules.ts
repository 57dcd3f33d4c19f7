import type { Logger } from 'pino';
import type { TransportAddress } from '../address.js';
import { CredentialVerifier } from '../auth/credential-verifier.js';
import { OVERLAY_REALM } from '../auth/credentials.js';
import { NONCE_LIFETIME_SECONDS, NonceIssuer } from '../auth/nonce.js';
import { StrangerBudgets } from '../auth/stranger-budgets.js';
import { STRANGER_LIMITS } from '../auth/stranger-limits.js';
import type { Clock } from '../clock.js';
import { LIMITS } from '../limits.js';
import type { DataPlane, DataPlaneBatch } from '../native/types.js';
import { Allocate } from '../overlay/allocate.js';
import { CloseRequests } from '../overlay/close-requests.js';
import { Connect } from '../overlay/connect.js';
import type { OverlayContext } from '../overlay/context.js';
import { Forwarding } from '../overlay/forwarding.js';
import { LegEndings } from '../overlay/leg-endings.js';
import { LEG_LIMITS } from '../overlay/leg-limits.js';
import { LegLog } from '../overlay/leg-log.js';
import { LegNonces } from '../overlay/leg-nonces.js';
import { LegTable } from '../overlay/leg-table.js';
import { LegTransitions } from '../overlay/leg-transitions.js';
import { OfferRules } from '../overlay/offers.js';
import { LegPairing } from '../overlay/pairing.js';
import { ProvenClients } from '../overlay/proven-clients.js';
import { ReceivedOffers } from '../overlay/received-offers.js';
import { Refresh } from '../overlay/refresh.js';
import { Responses } from '../overlay/responses.js';
import { SentOffers } from '../overlay/sent-offers.js';
import { SessionIndexes } from '../overlay/session-indexes.js';
import { SilenceWatch } from '../overlay/silence-watch.js';
import { OverlayStats } from '../overlay/stats.js';
import { StunServer } from '../overlay/stun-server.js';
import { LegTimers } from '../overlay/timers.js';
import { TrunkMessages } from '../overlay/trunk-messages.js';
import type { RandomBytes } from '../random.js';
import type { RelayRecord } from '../registry/types.js';
import type { LocalRelay, RemoteRelay, TrunkSocket } from '../trunk/remote-relay.js';
import { Trunk } from '../trunk/trunk.js';
import type { PathEvent } from '../trunk/trunk-options.js';
import { RelayClaims } from './claims.js';
import { ReachabilityReporter } from './reachability-report.js';
import { RegistryFinder } from './relay-finder.js';

export interface RelayRulesOptions {
  readonly local: LocalRelay;
  readonly region: string;
  /** The IP that each trunk socket sends from, where it is bound to a wildcard. */
  readonly trunkLocals?: readonly (string | undefined)[];
  /** As advertised. */
  readonly serviceAddresses: readonly TransportAddress[];
  readonly tenantRoot: Uint8Array;
  readonly plane: DataPlane;
  readonly clock: Clock;
  readonly random: RandomBytes;
  /** Default LEG_LIMITS.legsMax. */
  readonly legsMax?: number;
  /** Session indexes of the data plane; default twice the legs. */
  readonly sessionsMax?: number;
  /** Default STRANGER_LIMITS.challengesPerSecond and STRANGER_LIMITS.challengesBurst. */
  readonly challengesPerSecond?: number;
  readonly challengesBurst?: number;
  /** Another relay, or its service address, began to answer, or ceased to. */
  readonly onReachability?: () => void;
  /** For what becomes of legs and requests; default silent. */
  readonly logger?: Logger;
  /** What an operator may want to know of the paths to another relay. */
  readonly onTrunk?: (remote: RemoteRelay, news: PathEvent) => void;
  /** The longest bundle; default LIMITS.trunkMtuBytes. */
  readonly trunkMtuBytes?: number;
  /** A fault of ours met while handling one message; the others are not hindered by it. */
  readonly onFault?: (error: unknown) => void;
}

/**
 * All rules of a relay over a data plane, a clock and randomness that are given: no socket, no
 * timer, no directory. The service drives it; tests drive it with a plane of their own.
 */
export class RelayRules {
  readonly context: OverlayContext;
  readonly finder: RegistryFinder;
  readonly reachability: ReachabilityReporter;
  readonly claims: RelayClaims;
  /** What responses to strangers are paid from. */
  readonly budgets: StrangerBudgets;
  readonly #clientPort: StunServer;
  readonly #timers: LegTimers;
  readonly #transitions: LegTransitions;
  readonly #onFault: (error: unknown) => void;
  readonly #sockets: readonly TrunkSocket[];

  constructor(options: RelayRulesOptions) {
    const { local, region, serviceAddresses, plane, clock, random } = options;
    const { onReachability: onChange = () => {}, legsMax = LEG_LIMITS.legsMax } = options;
    this.#onFault = options.onFault ?? (() => {});
    const proven = new ProvenClients(plane, clock);
    const legs = new LegTable(legsMax, clock.monotonic(), proven);
    const sockets = trunkSockets(options);
    const means = { plane, sockets, clock, random, local, trunk: () => trunk, onChange };
    this.#sockets = sockets;
    this.claims = new RelayClaims(means);
    this.reachability = new ReachabilityReporter(means);
    const trunk: Trunk = new Trunk({
      local,
      plane,
      sockets,
      clock,
      inUse: (remote) => legs.hasRemote(remote),
      onRelayLost: (remote, why) => trunkRules.relayLost(remote, why),
      onRelayBack: (remote) => trunkRules.relayBack(remote),
      onControlMessage: (remote, control, order) => trunkRules.control(remote, control, order),
      onDrop: (source, drop) => log.trunkDropped(source, drop),
      onUnboundIndex: (remote, index) => trunkRules.unboundIndex(remote, index),
      onPathEvent: (remote, news) => {
        trunkRules.news(remote, news);
        options.onTrunk?.(remote, news);
        if (news.type === 'reachability') onChange();
      },
      trunkMtuBytes: options.trunkMtuBytes ?? LIMITS.trunkMtuBytes,
      onForeignResponse: (...of) =>
        this.reachability.checker.receive(...of) || this.claims.checker.receive(...of),
      onChallenge: (message, tuple) => this.claims.responder.receive('trunk', message, tuple),
    });
    const stats = new OverlayStats();
    const log = new LegLog(clock, local.id, options.logger);
    const responses = new Responses({ plane, random, stats, log, trunk });
    const issuer = nonceIssuer(options);
    const context: OverlayContext = {
      clock,
      random,
      plane,
      trunk,
      legs,
      proven,
      forwarding: new Forwarding(plane),
      offers: new ReceivedOffers(),
      sentOffers: new SentOffers(trunk, clock, random),
      nonces: new LegNonces({ issuer, clock, random }),
      indexes: new SessionIndexes(options.sessionsMax ?? 2 * legsMax),
      closes: new CloseRequests(trunk, clock, random),
      responses,
      stats,
      log,
      silence: new SilenceWatch(plane, clock, (leg) => responses.remind(leg)),
    };
    this.context = context;
    this.budgets = strangerBudgets(options);
    this.finder = new RegistryFinder({ id: local.id, region, serviceAddresses }, trunk);
    const transitions = new LegTransitions(context);
    const endings = new LegEndings(transitions);
    const pairing = new LegPairing(context, transitions);
    const offers = new OfferRules(context, transitions, pairing);
    const trunkRules = new TrunkMessages(context, { transitions, endings, offers });
    this.#transitions = transitions;
    this.#timers = new LegTimers(context, transitions, endings);
    this.#clientPort = new StunServer({
      context,
      allocate: new Allocate(context, transitions, this.finder),
      connect: new Connect(context, transitions, pairing),
      refresh: new Refresh(context, transitions),
      verifier: new CredentialVerifier({ tenantRoot: options.tenantRoot, realm: OVERLAY_REALM }),
      nonces: issuer,
      budgets: this.budgets,
      onChallenge: (message, tuple) => this.claims.responder.receive('client', message, tuple),
    });
  }

  /** Takes what the data plane handed up. Never throws. */
  receive({ datagrams, events }: DataPlaneBatch): void {
    const { trunk } = this.context;
    for (const datagram of datagrams) {
      const port = datagram.side === 'client' ? this.#clientPort : trunk;
      this.#guarded(() => port.receive(datagram));
    }
    for (const event of events) this.#guarded(() => trunk.event(event));
  }

  /** One message that meets a fault of ours must not take the relay down with it. */
  #guarded(action: () => void): void {
    try {
      action();
    } catch (error) {
      this.context.stats.faults += 1;
      this.#onFault(error);
    }
  }

  /** Takes the IPs that trunk sockets bound to a wildcard send from now. */
  setTrunkLocals(locals: readonly (string | undefined)[]): void {
    for (const [index, socket] of this.#sockets.entries()) socket.local = locals[index];
    this.context.trunk.renewPaths();
  }

  /** Takes the relays that are known now. */
  updateRelays(records: readonly RelayRecord[]): void {
    // This relay's own is passed over.
    this.context.stats.relaysLeftOut += Math.max(records.length - 1 - LIMITS.relaysMax, 0);
    this.context.trunk.update(records);
    this.finder.update(records);
  }

  /**
   * Does what is due; called every 100 ms or so. Never throws.
   * @returns whether so much was due that `goOn` should be called soon
   */
  tick(): boolean {
    let more = false;
    this.#guarded(() => this.reachability.checker.tick());
    this.#guarded(() => this.context.proven.tick());
    this.#guarded(() => this.claims.checker.tick());
    this.#guarded(() => {
      more = this.#timers.tick();
    });
    return more;
  }

  /** Goes on with what `tick` left. Never throws. @returns as `tick` */
  goOn(): boolean {
    let more = false;
    this.#guarded(() => {
      more = this.#timers.goOn();
    });
    return more;
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

function strangerBudgets({
  challengesPerSecond: perSecond = STRANGER_LIMITS.challengesPerSecond,
  challengesBurst: burst = STRANGER_LIMITS.challengesBurst,
  clock,
  random,
}: RelayRulesOptions): StrangerBudgets {
  return new StrangerBudgets({ perSecond, burst, clock, random });
}

function nonceIssuer({ tenantRoot, clock }: RelayRulesOptions): NonceIssuer {
  return new NonceIssuer({ tenantRoot, clock, lifetimeSeconds: NONCE_LIFETIME_SECONDS });
}

function trunkSockets({ plane, trunkLocals }: RelayRulesOptions): TrunkSocket[] {
  return plane.trunkAddresses.map((address, socket) => ({ address, local: trunkLocals?.[socket] }));
}
