import type { Logger } from 'pino';
import type { TransportAddress } from '../address.js';
import { NONCE_LIFETIME_SECONDS, NonceIssuer } from '../auth/nonce.js';
import { featuresOf } from '../auth/realm.js';
import { StrangerBudgets } from '../auth/stranger-budgets.js';
import { STRANGER_LIMITS } from '../auth/stranger-limits.js';
import type { Clock } from '../clock.js';
import { createHistogram } from '../metrics/histogram.js';
import { RELAY_METRICS } from '../metrics/relay-metrics.js';
import type { DataPlane, DataPlaneBatch } from '../native/types.js';
import type { OverlayContext } from '../overlay/context.js';
import { OVERLAY_REALM } from '../overlay/leg-credentials.js';
import { Overlay } from '../overlay/overlay.js';
import { OVERLAY_LIMITS } from '../overlay/overlay-limits.js';
import { OverlayLog } from '../overlay/overlay-log.js';
import type { RandomBytes } from '../random.js';
import { REGISTRATION_LIMITS } from '../registry/registration-limits.js';
import type { ReachabilityReport, RelayRecord } from '../registry/types.js';
import { WATCH_ALL } from '../registry/watched-relays.js';
import { ProvenClients } from '../stun-server/proven-clients.js';
import { type ServerContext, ServerStats } from '../stun-server/server-context.js';
import type { StunServer } from '../stun-server/stun-server.js';
import { isBindMessage } from '../trunk/bind-message.js';
import type { ControlMessage, ControlOrder } from '../trunk/control-message.js';
import type { LocalRelay, TrunkSocket } from '../trunk/local-relay.js';
import type { PathEvent } from '../trunk/path-event.js';
import type { RemoteRelay } from '../trunk/remote-relay.js';
import { Trunk } from '../trunk/trunk.js';
import { BIND_REFUSALS, BindStats, type Turn, TurnLog } from '../turn/index.js';
import { type TurnUsageSettings, turnUsage } from '../turn-server/turn-usage.js';
import { ClaimChecker } from './claim-checker.js';
import { ClaimResponder } from './claim-responder.js';
import { clientServer } from './client-usages.js';
import { DirectoryMeasurements } from './measurements.js';
import { RelaysByIp } from './relays-by-ip.js';
import { ServiceAddressChecker } from './service-address-checker.js';
import { allocationIndexes, legIndexes } from './session-slots.js';

/** Dependencies of `RelayCore`. */
export interface RelayCoreOptions {
  readonly local: LocalRelay;
  readonly region: string;
  /** Source IP of each trunk socket that is bound to a wildcard. */
  readonly trunkLocals?: readonly (string | undefined)[];
  /** This relay's advertised addresses for peers. */
  readonly serviceAddresses: readonly TransportAddress[];
  readonly tenantRoot: Uint8Array;
  readonly plane: DataPlane;
  readonly clock: Clock;
  readonly random: RandomBytes;
  /** Default OVERLAY_LIMITS.legsMax. */
  readonly legsMax?: number;
  /** Default STRANGER_LIMITS.challengesPerSecond and STRANGER_LIMITS.challengesBurst. */
  readonly challengesPerSecond?: number;
  readonly challengesBurst?: number;
  /** Called when another relay or its service address becomes reachable or unreachable. */
  readonly onReachability?: () => void;
  /** For events of legs and requests; default silent. */
  readonly logger?: Logger;
  /** Called for each change of the paths to another relay. */
  readonly onTrunk?: (remote: RemoteRelay, news: PathEvent) => void;
  /** Maximum length of trunk datagrams, bytes; default TRUNK_MTU_DEFAULT_BYTES. */
  readonly trunkMtuBytes?: number;
  /** What standard TURN is made of, where it is served. */
  readonly turn?: TurnUsageSettings | undefined;
  /** Called on an internal error in one message; processing continues. */
  readonly onFault?: (error: unknown) => void;
}

/**
 * What a relay is composed of, over a given data plane, clock and source of randomness: no socket,
 * no timer, no directory. `Relay` drives it, and tests do with a data plane of their own.
 */
export class RelayCore {
  readonly overlay: Overlay;
  /** Standard TURN; undefined where it is not served. */
  readonly turn: Turn | undefined;
  readonly turnLog: TurnLog;
  /** State shared by the usages of the client port. */
  readonly server: ServerContext;
  /**
   * Number of internal errors in messages and timers; a value other than 0 deserves a bug report.
   */
  faults = 0;
  /** Counts of requests to bind a peer behind another relay. */
  readonly binds = new BindStats();
  /** Number of relays in registries beyond the bound. */
  relaysLeftOut = 0;
  /** Whether new legs are refused with 300, and new allocations, because the relay is to stop. */
  draining = false;
  /** Checks whether service addresses of other relays answer. */
  readonly serviceChecker: ServiceAddressChecker;
  /** Checks whether other relays are at the addresses that they claim. */
  readonly claimChecker: ClaimChecker;
  /** Proves that this relay is at the addresses that it claims. */
  readonly claimResponder: ClaimResponder;
  /** What this relay measures for its directory. */
  readonly measurements: DirectoryMeasurements;
  /** Budgets of responses to unauthenticated requests. */
  readonly budgets: StrangerBudgets;
  readonly batchSeconds = createHistogram(RELAY_METRICS, 'turnpike_relay_batch_duration_seconds');
  readonly #clock: Clock;
  readonly #stunServer: StunServer;
  readonly #onFault: (error: unknown) => void;
  readonly #sockets: readonly TrunkSocket[];
  readonly #relaysByIp = new RelaysByIp();

  constructor(options: RelayCoreOptions) {
    const { local, plane, clock, random } = options;
    const { onReachability: onChange = () => {}, legsMax = OVERLAY_LIMITS.legsMax } = options;
    this.#clock = clock;
    this.#onFault = options.onFault ?? (() => {});
    const log = new OverlayLog(clock, local.id, options.logger);
    const sockets = trunkSockets(options);
    this.#sockets = sockets;
    const trunk = new Trunk({
      ...options,
      sockets,
      inUse: (remote) => this.context.legs.hasRemote(remote),
      onRelayLost: (remote, why) => {
        this.overlay.messages.relayLost(remote, why);
        this.turn?.trunk?.lost(remote);
      },
      onRelayBack: (remote) => this.overlay.messages.relayBack(remote),
      onControlMessage: (...message) => this.#controlMessage(...message),
      onDrop: (source, drop) => log.trunkDropped(source, drop),
      onUnboundIndex: (remote, index) => {
        if (this.turn?.trunk?.isBound(index) === true) return;
        this.overlay.messages.unboundIndex(remote, index);
      },
      onPathEvent: (remote, news) => {
        this.overlay.messages.news(remote, news);
        options.onTrunk?.(remote, news);
        if (news.type === 'reachability') onChange();
      },
      onForeignResponse: (...of) =>
        this.serviceChecker.receive(...of) || this.claimChecker.receive(...of),
      onClaimChallenge: (message, tuple) => this.claimResponder.receive('trunk', message, tuple),
    });
    const { relays } = trunk;
    const means = { plane, sockets, clock, random, local, relays, onChange };
    this.serviceChecker = new ServiceAddressChecker(means);
    this.claimChecker = new ClaimChecker(means);
    this.claimResponder = new ClaimResponder(means);
    this.measurements = new DirectoryMeasurements({ ...means, logger: options.logger });
    this.budgets = strangerBudgets(options);
    this.server = {
      plane,
      budgets: this.budgets,
      proven: new ProvenClients(plane, clock),
      access: this.measurements.access,
      stats: new ServerStats(),
      log,
    };
    this.overlay = new Overlay({
      plane,
      trunk,
      isDraining: () => this.draining,
      isHeldElsewhere: (tupleKey) => this.turn?.holds(tupleKey) === true,
      tenantRoot: options.tenantRoot,
      server: this.server,
      issuer: nonceIssuer(options),
      log,
      clock,
      random,
      legsMax,
      sessionIndexes: legIndexes(legsMax, options.turn !== undefined),
    });
    this.turnLog = new TurnLog(clock, options.logger);
    this.turn = options.turn && this.#turnOf(options, options.turn);
    const { overlay, turn, claimResponder: claims } = this;
    this.#stunServer = clientServer(this.server, { overlay, turn, claims });
  }

  #turnOf(options: RelayCoreOptions, settings: TurnUsageSettings): Turn {
    const { plane, tenantRoot, clock, random, legsMax = OVERLAY_LIMITS.legsMax } = options;
    const { trunk } = this.context;
    // XDP forwards the channels of allocations as bare UDP, before a worker could make records.
    const sendsByTrunk = plane.xdp.mode === 'off';
    return turnUsage(settings, {
      plane,
      server: this.server,
      // As the overlay's: a client of one relay is not challenged again at another for its nonce.
      nonceSecret: tenantRoot,
      isDraining: () => this.draining,
      isHeldElsewhere: (tupleKey) => this.overlay.holds(tupleKey),
      trunk: {
        relayAt: (address) => {
          const id = sendsByTrunk ? this.#relaysByIp.at(address) : undefined;
          return id === undefined ? undefined : trunk.relays.need(id);
        },
        send: (...message) => trunk.send(...message),
        indexes: allocationIndexes(legsMax),
        stats: this.binds,
      },
      guarded: (action) => this.#guarded(action),
      clock,
      random,
      log: this.turnLog,
    });
  }

  /** The overlay's state. */
  get context(): OverlayContext {
    return this.overlay.context;
  }

  /** Processes a batch of the data plane. Never throws. */
  receive({ datagrams, events }: DataPlaneBatch): void {
    const { trunk } = this.context;
    const since = this.#clock.monotonic();
    for (const datagram of datagrams) {
      const reader = datagram.side === 'client' ? this.#stunServer : trunk;
      this.#guarded(() => reader.receive(datagram));
    }
    for (const event of events) {
      this.#guarded(() => trunk.event(event));
      this.#guarded(() => this.turn?.event(event));
    }
    this.batchSeconds.observe((this.#clock.monotonic() - since) / 1_000);
  }

  #controlMessage(
    remote: RemoteRelay,
    control: ControlMessage,
    order: ControlOrder,
  ): 'left' | undefined {
    const turnTrunk = this.turn?.trunk;
    if (!isBindMessage(control)) {
      const closed = control.type === 'close' && !order.repeated && control.subject;
      if (closed && 'sessionIndex' in closed) turnTrunk?.closed(remote, closed.sessionIndex);
      return this.overlay.messages.control(remote, control, order);
    }
    if (turnTrunk) turnTrunk.receive(remote, control, order);
    else if (control.type === 'bind') {
      const { transactionId } = control;
      const code = BIND_REFUSALS['no-turn'];
      this.binds.refusals['no-turn'] += 1;
      this.context.trunk.send(remote, { type: 'bind-refused', transactionId, code });
    }
    return undefined;
  }

  /** Contains an internal error: one message must not end the relay. */
  #guarded(action: () => void): void {
    try {
      action();
    } catch (error) {
      this.faults += 1;
      this.#onFault(error);
    }
  }

  /** Sets the source IPs of the trunk sockets that are bound to a wildcard. */
  setTrunkLocals(locals: readonly (string | undefined)[]): void {
    for (const [index, socket] of this.#sockets.entries()) socket.local = locals[index];
    this.context.trunk.relays.renewPaths();
  }

  /** Returns what this relay cannot reach, for the directory (docs/registration.md). */
  reachability(): ReachabilityReport {
    const { relays } = this.context.trunk;
    const { watchShare } = relays;
    const watched = watchShare < WATCH_ALL ? { watchShare } : {};
    const service = this.serviceChecker.unanswered();
    return { ...watched, trunk: [...relays.unreachable()], service };
  }

  /** Takes the relays of the registry. Throws as `RemoteRelays#update`; none is taken then. */
  updateRelays(records: readonly RelayRecord[]): void {
    this.prepareRelays(records)();
  }

  /** Checks the relays of the registry, and returns what takes them. Throws as `updateRelays`. */
  prepareRelays(records: readonly RelayRecord[]): () => void {
    const take = this.context.trunk.relays.prepareUpdate(records);
    return () => {
      // The registry holds this relay's own record too.
      this.relaysLeftOut += Math.max(records.length - 1 - REGISTRATION_LIMITS.relaysMax, 0);
      take();
      if (this.#relaysByIp.update(records)) this.#guarded(() => this.turn?.relaysChanged());
    };
  }

  /**
   * Does what is due. To be called every 100 ms or so. Never throws.
   * @returns whether work is left for `goOn`
   */
  tick(): boolean {
    let more = false;
    this.#guarded(() => this.serviceChecker.tick());
    this.#guarded(() => this.server.proven.tick());
    this.#guarded(() => this.claimChecker.tick());
    this.#guarded(() => this.context.trunk.relays.tick());
    this.#guarded(() => {
      more = this.overlay.timers.tick();
    });
    return this.#turnTick() || more;
  }

  /** Continues the work that `tick` left. Never throws. @returns as `tick` */
  goOn(): boolean {
    let more = false;
    this.#guarded(() => {
      more = this.overlay.timers.goOn();
    });
    return this.#turnTick() || more;
  }

  #turnTick(): boolean {
    let more = false;
    this.#guarded(() => {
      more = this.turn?.tick() === true;
    });
    return more;
  }
}

function strangerBudgets({
  challengesPerSecond: perSecond = STRANGER_LIMITS.challengesPerSecond,
  challengesBurst: burst = STRANGER_LIMITS.challengesBurst,
  clock,
  random,
}: RelayCoreOptions): StrangerBudgets {
  return new StrangerBudgets({ perSecond, burst, clock, random });
}

function nonceIssuer({ tenantRoot, clock }: RelayCoreOptions): NonceIssuer {
  return new NonceIssuer({
    secret: tenantRoot,
    features: featuresOf(OVERLAY_REALM),
    clock,
    lifetimeSeconds: NONCE_LIFETIME_SECONDS,
  });
}

function trunkSockets({ plane, trunkLocals }: RelayCoreOptions): TrunkSocket[] {
  return plane.trunkAddresses.map((address, socket) => ({ address, local: trunkLocals?.[socket] }));
}
