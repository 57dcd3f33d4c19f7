import { EventEmitter } from 'node:events';
import { type Logger, pino } from 'pino';
import type { TransportAddress } from '../address.js';
import { registrationKey, relayKeyPair } from '../auth/keys.js';
import { type Clock, systemClock } from '../clock.js';
import { asTurnpikeError, TurnpikeError } from '../errors.js';
import type { BoundAddresses } from '../http/forwarding-health.js';
import type { Health } from '../http/health.js';
import { BoundWatch } from '../logging/bound-watch.js';
import type { Counters } from '../native/counters.js';
import { ForwardingLog } from '../native/forwarding-log.js';
import { openPlane } from '../native/open.js';
import type { DataPlane, DataPlaneBatch } from '../native/types.js';
import { WorkerWatchdog } from '../native/worker-watchdog.js';
import { XdpLog } from '../native/xdp-log.js';
import { checkOptions } from '../options/check.js';
import { type Effects, updateSettings } from '../options/update.js';
import { pooledRandom } from '../random-pool.js';
import type { RelayRecord } from '../registry/types.js';
import { TRUNK_RELAYS_MAX } from '../trunk/needed-relays.js';
import { SteeringLog } from '../turn-server/steering-log.js';
import type { TurnParts } from '../turn-server/turn-parts.js';
import { turnUsageSettings } from '../turn-server/turn-parts.js';
import {
  notedIn,
  type TurnChange,
  TurnService,
  tryRelayAddresses,
} from '../turn-server/turn-service.js';
import { advertisedAddresses, checkAdvertised, wildcardSources } from './advertised-addresses.js';
import { sayFarewell } from './farewell.js';
import { forwardingOptions } from './forwarding-options.js';
import { LoadMeter } from './load-meter.js';
import { LocalIncarnation, localRelay } from './local-incarnation.js';
import { RelayMetrics } from './metrics.js';
import {
  type CheckedRelayOptions,
  RELAY_SPECS,
  type RelayOptions,
  type RelayUpdate,
} from './options.js';
import { ownRecord, ownSite } from './own-record.js';
import { RegistrationClient } from './registration-client.js';
import { relayBounds } from './relay-bounds.js';
import { RelayCore } from './relay-core.js';
import { relayHealth } from './relay-health.js';
import { relayHosts } from './relay-hosts.js';
import {
  boundAddresses,
  clientFlowsMax,
  prepareTurn,
  relayIps,
  relayTurnParts,
  type ServedTurn,
  turnLoad,
} from './relay-turn.js';
import { sessionsOf } from './session-slots.js';
import { TrunkLog } from './trunk-log.js';
import { WildcardSourceWatch } from './wildcard-source-watch.js';

/** Interval of `RelayCore.tick`, ms. */
const TICK_MS = 100;
/** Closed indications without a leg that a relay sends per second, in all. */
export const CLOSED_INDICATIONS_PER_SECOND = 2_000;

/** `superseded`: a later process has registered the same id (ERR_TURNPIKE_RELAY_ID_TAKEN). */
export interface RelayEvents {
  superseded: [error: TurnpikeError];
}

/**
 * A relay: reserves legs for peers, connects them with those of other relays, and forwards between
 * them in native threads. An open relay keeps the process alive.
 */
export class Relay extends EventEmitter<RelayEvents> {
  readonly id: string;
  /** Advertised addresses for peers. */
  readonly serviceAddresses: readonly TransportAddress[];
  /** Advertised addresses for other relays. */
  readonly trunkAddresses: readonly TransportAddress[];
  readonly #turn: TurnService | undefined;
  readonly #plane: DataPlane;
  readonly #core: RelayCore;
  readonly #incarnation: LocalIncarnation;
  readonly #record: () => RelayRecord;
  readonly #registration: RegistrationClient | undefined;
  readonly #metrics: RelayMetrics;
  readonly #timer: NodeJS.Timeout;
  readonly #workers: WorkerWatchdog;
  readonly #addresses: BoundAddresses;
  /** Applies a change of a setting, by setting. */
  readonly #effects: Omit<Effects<RelayOptions, typeof RELAY_SPECS>, keyof TurnChange> = {
    relays: (relays) => this.#prepareRelays(relays),
    challengesPerSecond: (perSecond) => () => this.#core.budgets.limit({ perSecond }),
    challengesBurst: (burst) => () => this.#core.budgets.limit({ burst }),
  };
  #goingOn: NodeJS.Immediate | undefined;
  readonly #logger: Logger;
  #closed: Promise<void> | undefined;

  /**
   * Binds the sockets, starts the threads and, with a directory, starts to register.
   * @returns the relay; it may not be registered yet
   * @throws TurnpikeError as `checkOptions`; ERR_TURNPIKE_CONFIG for contradictory options;
   *   ERR_TURNPIKE_BIND with `errno` and `address`; ERR_TURNPIKE_ADDON
   */
  static async open(options: RelayOptions): Promise<Relay> {
    try {
      return await Relay.#open(checkOptions('Relay.open', RELAY_SPECS, options));
    } catch (error) {
      throw asTurnpikeError('Relay.open', error);
    }
  }

  static async #open(options: CheckedRelayOptions): Promise<Relay> {
    const { listen, trunk, legsMax } = options;
    checkAdvertised(listen, options.advertise, { bound: 'listen', advertised: 'advertise' });
    const trunkNames = { bound: 'trunk', advertised: 'advertiseTrunk' };
    checkAdvertised(trunk, options.advertiseTrunk, trunkNames);
    const turn = await relayTurnParts(options);
    // Datagrams that arrive before the core exists are dropped; clients retransmit.
    let receive: (batch: DataPlaneBatch) => void = () => {};
    const plane = openPlane({
      clientAddresses: listen,
      trunkAddresses: trunk,
      relayedAddresses: turn?.plan.relayAddresses,
      steering: options.steering,
      clientFlowsMax: clientFlowsMax(options, turn),
      sessionsMax: sessionsOf(legsMax, turn !== undefined),
      remoteRelaysMax: TRUNK_RELAYS_MAX,
      closedIndicationsPerSecond: CLOSED_INDICATIONS_PER_SECOND,
      ...forwardingOptions(options),
      onBatch: (batch) => receive(batch),
    });
    try {
      if (turn !== undefined) await tryRelayAddresses(plane, turn.plan);
      const relay = new Relay(options, plane, turn);
      receive = (batch) => relay.#core.receive(batch);
      return relay;
    } catch (error) {
      await plane.close();
      throw error;
    }
  }

  private constructor(options: CheckedRelayOptions, plane: DataPlane, parts?: TurnParts) {
    super();
    const {
      clock = systemClock,
      random = pooledRandom(),
      logger = pino({ enabled: false }),
    } = options;
    const keys = relayKeyPair(options.relaySecret);
    this.id = options.id;
    this.#logger = logger;
    this.#plane = plane;
    const { id, region, directoryUrl, legsMax } = options;
    this.serviceAddresses = advertisedAddresses(plane.clientAddresses, options.advertise);
    this.trunkAddresses = advertisedAddresses(plane.trunkAddresses, options.advertiseTrunk);
    this.#incarnation = new LocalIncarnation({
      chosen: options.incarnation,
      isPublic: directoryUrl === undefined,
      clock,
      onChange: () => this.#core.context.trunk.relays.renewKeys(),
    });
    const ownSources = new WildcardSourceWatch({
      read: () => wildcardSources(plane.trunkAddresses, this.trunkAddresses),
      apply: (locals) => this.#core.setTrunkLocals(locals),
      clock,
      logger,
    });
    const trunkNotices = new TrunkLog(clock, logger);
    this.#core = new RelayCore({
      ...options,
      turn: parts && turnUsageSettings(parts, options),
      local: localRelay(id, keys, this.#incarnation),
      serviceAddresses: this.serviceAddresses,
      trunkLocals: ownSources.locals,
      plane,
      clock,
      random,
      legsMax,
      onReachability: () => this.#registration?.beatSoon(),
      logger,
      onTrunk: (remote, news) => trunkNotices.say(remote, news),
      onFault: (error) => logger.error({ err: error }, 'a fault of the relay itself'),
    });
    this.#turn = parts && this.#serveTurn(options, parts);
    const { serviceAddresses, trunkAddresses } = this;
    const { publicKey } = keys;
    const incarnation = this.#incarnation;
    const own = { id, region, publicKey, serviceAddresses, trunkAddresses, incarnation, plane };
    this.#record = ownRecord(own);
    this.#metrics = new RelayMetrics(this.#core, plane);
    this.#prepareRelays(options.relays)();
    this.#registration = this.#register(options, clock);
    this.#workers = new WorkerWatchdog(plane, clock, logger);
    this.#addresses = boundAddresses(plane, parts);
    const logs = [ForwardingLog, XdpLog, ...(parts === undefined ? [] : [SteeringLog])];
    const notices = logs.map((each) => new each(plane, clock, logger));
    const watches = [this.#workers, ownSources, trunkNotices, this.#watchBounds(clock)];
    this.#timer = setInterval(() => {
      this.#after(this.#core.tick());
      for (const each of [...watches, ...notices]) each.check();
    }, TICK_MS);
  }

  #serveTurn({ alternateServers }: CheckedRelayOptions, parts: TurnParts): TurnService | undefined {
    const { turn } = this.#core;
    const { serviceAddresses: advertised } = this;
    const { clientAddresses: listen } = this.#plane;
    const logger = this.#logger;
    return turn && new TurnService({ turn, parts, listen, advertised, alternateServers, logger });
  }

  #watchBounds(clock: Clock): BoundWatch {
    const bounds = new BoundWatch(relayBounds(this.#core, this.#plane), clock, this.#logger);
    this.#metrics.observeBounds(bounds);
    return bounds;
  }

  #register(options: CheckedRelayOptions, clock: Clock): RegistrationClient | undefined {
    const { directoryUrl, id, relaySecret } = options;
    if (directoryUrl === undefined) return undefined;
    const { turn, context } = this.#core;
    const forTenants = options.turn ? turn : undefined;
    const meter = new LoadMeter(this.#plane, context.legs, clock, forTenants);
    const client = new RegistrationClient({
      directoryUrl,
      id,
      registrationKey: registrationKey(relaySecret),
      record: () => {
        this.#incarnation.toRegister();
        return this.#record();
      },
      site: ownSite(options),
      load: () => ({ ...meter.read(), ...turnLoad(this.turn, options) }),
      draining: () => this.#core.draining,
      reachability: () => this.#core.reachability(),
      measurements: this.#core.measurements,
      onChecks: (checks) => this.#core.serviceChecker.appoint(checks),
      claims: () => this.#core.claimChecker.results(),
      onClaimChallenges: (challenges) => this.#core.claimChecker.appoint(challenges),
      onCheckers: (checkers) => this.#core.claimResponder.tell(checkers),
      answersAt: (id, at) => this.#core.context.trunk.relays.get(id)?.answersAt(at) ?? false,
      onRegistry: ({ relays }) => {
        this.#incarnation.settle();
        this.#takeRegistry(relays);
      },
      onStart: (lowest) => this.#incarnation.raise(lowest),
      onSuperseded: () => this.#superseded(),
      clock,
      logger: this.#logger,
    });
    this.#metrics.observeRegistration(client);
    client.start();
    return client;
  }

  /** Continues unfinished work after pending messages had their turn. */
  #after(more: boolean): void {
    if (!more) return;
    this.#goingOn ??= setImmediate(() => {
      this.#goingOn = undefined;
      this.#after(this.#core.goOn());
    });
  }

  #superseded(): void {
    const message = `another process has registered as relay ${this.id} after this one`;
    this.#logger.error({ relay: this.id }, message);
    this.emit('superseded', new TurnpikeError('ERR_TURNPIKE_RELAY_ID_TAKEN', message));
  }

  /** This relay's registration, for other relays' `relays` option without a directory. */
  get record(): RelayRecord {
    return this.#record();
  }

  /** The standard TURN that it serves; undefined without a source of credentials. */
  get turn(): ServedTurn | undefined {
    return this.#turn;
  }

  /** Number of legs. */
  get legs(): number {
    return this.#core.context.legs.size;
  }

  /** Returns the data plane's counters, by name. */
  counters(): Counters {
    return this.#plane.counters();
  }

  /**
   * Returns liveness and readiness, with reasons. The relay is ready once it was registered, or at
   * once without a directory. A directory or relays lost later are reported but affect neither.
   */
  health(): Health {
    const { trunk } = this.#core.context;
    return relayHealth({
      closing: this.#closed !== undefined,
      draining: this.#core.draining,
      stuck: this.#workers.stuck(),
      lostAddresses: this.#addresses.lost(),
      registration: this.#registration,
      unreachable: [...trunk.relays.unreachable()],
      turn: this.turn,
    });
  }

  /** Returns all metrics in Prometheus' text format (docs/metrics.md). */
  metrics(): Promise<string> {
    return this.#metrics.text();
  }

  /**
   * Changes settings of a running relay: all given ones, or none. `relays` replaces the relays
   * known without a directory. Users and peers of TURN that are not allowed any more lose their
   * allocations and permissions.
   * @param settings - the settings to change
   * @throws TurnpikeError as `checkOptions`; ERR_TURNPIKE_CONFIG for a setting that cannot change
   *   at run time, or one of TURN where that is not served; ERR_TURNPIKE_SECRET, with its id, for a
   *   relay whose public key is not usable
   */
  update(settings: RelayUpdate): void {
    const change: TurnChange = {};
    updateSettings<RelayOptions, typeof RELAY_SPECS>(
      'Relay#update',
      RELAY_SPECS,
      { ...this.#effects, ...notedIn(change) },
      settings,
      () => prepareTurn(this.#turn, change),
    );
  }

  /** Checks relays, and returns what takes them. Throws as `RemoteRelays#update`. */
  #prepareRelays(relays: readonly RelayRecord[]): () => void {
    const take = this.#core.prepareRelays(relays);
    return () => {
      take();
      const all = [...relays, this.#record()];
      this.#plane.setRelayHosts(relayHosts(all));
      this.#turn?.takeRelays(relayIps(all));
    };
  }

  /** Takes a directory's registry. If it cannot be taken, the relays of the last one stay. */
  #takeRegistry(relays: readonly RelayRecord[]): void {
    try {
      this.#prepareRelays(relays)();
    } catch (error) {
      this.#logger.error({ err: error }, 'the registry cannot be taken');
    }
  }

  /**
   * Ends all allocations of a user of TURN, and those that are being made, as
   * `TurnServer#endUser`.
   * @param user - the username, or the `user` of the answer of `authenticate`
   * @returns the number of allocations that existed; 0 where TURN is not served
   */
  endUser(user: string): number {
    return this.#turn?.turn.endUser(user) ?? 0;
  }

  /**
   * Refuses new legs with 300 and an alternate relay, and new allocations of TURN with 508, or 300
   * where an alternate server is set. Existing ones continue.
   * @param seconds - time to wait for the end of the allocations, since nothing tells TURN clients
   *   to leave
   * @returns resolves when no allocation is left, or after `seconds`
   */
  async drain(seconds = 0): Promise<void> {
    this.#core.draining = true;
    this.#registration?.beatSoon();
    await this.#turn?.drained(seconds);
  }

  /**
   * Sends every peer Closed 300, closes its connections at the other relays and deregisters, then
   * frees threads and sockets. Takes a few seconds at most, even if the directory is away. Repeated
   * calls return the same promise.
   */
  close(): Promise<void> {
    this.#closed ??= this.#close();
    return this.#closed;
  }

  async #close(): Promise<void> {
    await this.drain();
    await sayFarewell(this.#core, this.#registration, this.#logger);
    clearInterval(this.#timer);
    clearImmediate(this.#goingOn);
    await this.#plane.close();
  }
}
