import { setImmediate as nextTurn } from 'node:timers/promises';
import { pino } from 'pino';
import type { TransportAddress } from '../address.js';
import { systemClock } from '../clock.js';
import { asTurnpikeError } from '../errors.js';
import { BoundAddresses } from '../http/forwarding-health.js';
import type { Health } from '../http/health.js';
import { BoundWatch } from '../logging/bound-watch.js';
import type { Counters } from '../native/counters.js';
import { ForwardingLog } from '../native/forwarding-log.js';
import { openPlane } from '../native/open.js';
import type { DataPlane, DataPlaneBatch } from '../native/types.js';
import { WorkerWatchdog } from '../native/worker-watchdog.js';
import { XdpLog } from '../native/xdp-log.js';
import { checkOptions } from '../options/check.js';
import { updateSettings } from '../options/update.js';
import { pooledRandom } from '../random-pool.js';
import { SECRET_BYTES } from '../secret-bytes.js';
import type { RelayedAddress } from '../turn/index.js';
import type { AllocationsLimit } from './allocations-limit.js';
import { natDiscovery } from './nat-discovery.js';
import { TURN_SETTINGS } from './option-specs.js';
import type { CheckedTurnServerOptions, TurnServerOptions, TurnServerUpdate } from './options.js';
import { SteeringLog } from './steering-log.js';
import { TurnCore } from './turn-core.js';
import { type TurnParts, tableFlowsOf, turnParts, turnUsageSettings } from './turn-parts.js';
import { turnServerBounds } from './turn-server-bounds.js';
import { turnServerHealth } from './turn-server-health.js';
import { TurnServerMetrics } from './turn-server-metrics.js';
import { notedIn, type TurnChange, TurnService, tryRelayAddresses } from './turn-service.js';

/** Interval of `TurnCore.tick`, ms. */
const TICK_MS = 100;

/**
 * A TURN server over UDP (RFC 8656): allocates relayed transport addresses to clients and forwards
 * between them and peers in native threads. An open server keeps the process alive.
 */
export class TurnServer {
  /** The bound addresses for clients. */
  readonly listen: readonly TransportAddress[];
  /** The addresses at which clients reach it, as far as this host can tell. */
  readonly addresses: readonly TransportAddress[];
  /** The same as URLs (RFC 7065), for `RTCConfiguration.iceServers`. */
  readonly urls: readonly string[];
  readonly relayAddresses: readonly RelayedAddress[];
  /** Maximum number of allocations, and what it follows from. */
  readonly allocationsLimit: AllocationsLimit;
  readonly #plane: DataPlane;
  readonly #core: TurnCore;
  readonly #service: TurnService;
  readonly #metrics: TurnServerMetrics;
  readonly #timer: NodeJS.Timeout;
  readonly #workers: WorkerWatchdog;
  readonly #bound: BoundAddresses;
  #goingOn: NodeJS.Immediate | undefined;
  #closed: Promise<void> | undefined;

  /**
   * Binds the sockets and starts the threads.
   * @throws TurnpikeError as `checkOptions`; ERR_TURNPIKE_CONFIG without any credential, without a
   *   relay address, or for ports or peers of another form; ERR_TURNPIKE_SECRET for a user or
   *   shared secret of another form; ERR_TURNPIKE_ADDRESS for a relay address of another form;
   *   ERR_TURNPIKE_BIND with `errno` and `address`; ERR_TURNPIKE_ADDON
   */
  static async open(options: TurnServerOptions): Promise<TurnServer> {
    try {
      return await TurnServer.#open(checkOptions('TurnServer.open', TURN_SETTINGS, options));
    } catch (error) {
      throw asTurnpikeError('TurnServer.open', error);
    }
  }

  static async #open(options: CheckedTurnServerOptions): Promise<TurnServer> {
    const parts = await turnParts(options, options);
    const { plan } = parts;
    // Datagrams that arrive before the core exists are dropped; clients retransmit.
    let receive: (batch: DataPlaneBatch) => void = () => {};
    const plane = openPlane({
      clientAddresses: plan.listen,
      relayedAddresses: plan.relayAddresses,
      steering: options.steering,
      workers: plan.workers,
      coalescingUs: options.coalescingUs,
      busyPollUs: options.busyPollUs,
      cpus: options.cpus,
      clientFlowsMax: tableFlowsOf(plan, options.mobility),
      sessionsMax: 1,
      remoteRelaysMax: 1,
      closedIndicationsPerSecond: 0,
      ...(options.xdp !== undefined && { xdp: options.xdp }),
      onBatch: (batch) => receive(batch),
    });
    try {
      await tryRelayAddresses(plane, plan);
      const server = new TurnServer(options, parts, plane);
      receive = (batch) => server.#core.receive(batch);
      return server;
    } catch (error) {
      await plane.close();
      throw error;
    }
  }

  private constructor(options: CheckedTurnServerOptions, parts: TurnParts, plane: DataPlane) {
    const {
      clock = systemClock,
      random = pooledRandom(),
      logger = pino({ enabled: false }),
      alternateServers,
    } = options;
    const settings = turnUsageSettings(parts, options);
    const core = new TurnCore({
      plane,
      settings,
      nonceSecret: options.nonceSecret ?? random(SECRET_BYTES),
      binding: options.binding,
      discovery: natDiscovery(options, plane.clientAddresses, parts.plan.relayAddresses),
      clock,
      random,
      logger,
    });
    const { turn } = core;
    const listen = plane.clientAddresses;
    this.#plane = plane;
    this.#core = core;
    this.#service = new TurnService({ turn, parts, listen, alternateServers, logger });
    this.listen = listen;
    this.relayAddresses = this.#service.relayAddresses;
    this.addresses = this.#service.addresses;
    this.urls = this.#service.urls;
    this.allocationsLimit = this.#service.allocationsLimit;
    this.#workers = new WorkerWatchdog(plane, clock, logger);
    this.#bound = new BoundAddresses([
      ...listen,
      ...this.relayAddresses.map(({ address }) => ({ address, port: 0 })),
    ]);
    const bounds = new BoundWatch(turnServerBounds(core, plane), clock, logger);
    this.#metrics = new TurnServerMetrics({ core, plane, bounds });
    const kinds = [ForwardingLog, SteeringLog, XdpLog];
    const logs = kinds.map((each) => new each(plane, clock, logger));
    const watches = [this.#workers, bounds, ...logs];
    this.#timer = setInterval(() => {
      this.#after(core.tick());
      for (const each of watches) each.check();
    }, TICK_MS);
  }

  /** Continues unfinished work after pending messages had their turn. */
  #after(more: boolean): void {
    if (!more) return;
    this.#goingOn ??= setImmediate(() => {
      this.#goingOn = undefined;
      this.#after(this.#core.goOn());
    });
  }

  /** Number of allocations. */
  get allocations(): number {
    return this.#core.turn.allocations;
  }

  /** Returns the data plane's counters, by name. */
  counters(): Counters {
    return this.#plane.counters();
  }

  /** Returns liveness and readiness, with reasons. */
  health(): Health {
    return turnServerHealth({
      closing: this.#closed !== undefined,
      draining: this.#core.draining,
      stuck: this.#workers.stuck(),
      lostAddresses: this.#bound.lost(),
      allocations: this.allocations,
      allocationsMax: this.allocationsLimit.allocationsMax,
    });
  }

  /** Returns all metrics in Prometheus' text format (docs/metrics.md). */
  metrics(): Promise<string> {
    return this.#metrics.text();
  }

  /**
   * Changes settings of a running server: all given ones, or none. Each replaces its list. Users
   * and peers that are not allowed any more lose their allocations and permissions.
   * @param settings - the settings to change
   * @throws TurnpikeError as `checkOptions` and `TurnServer.open`; ERR_TURNPIKE_CONFIG for a
   *   setting that cannot change at run time, or if no credential would be left
   */
  update(settings: TurnServerUpdate): void {
    const change: TurnChange = {};
    updateSettings<TurnServerOptions, typeof TURN_SETTINGS>(
      'TurnServer#update',
      TURN_SETTINGS,
      notedIn(change),
      settings,
      () => this.#service.prepare(change),
    );
  }

  /**
   * Ends all allocations of a user, and those that are being made. It is for a user whom
   * `authenticate` no longer admits, and has no effect on later requests. An answer of
   * `authenticate` to a call made before counts no more.
   * @param user - the username, or the `user` of the answer
   * @returns the number of allocations that existed
   */
  endUser(user: string): number {
    return this.#core.turn.endUser(user);
  }

  /**
   * Refuses new allocations with 508, or 300 where an alternate server is set. Existing ones
   * continue.
   * @param seconds - time to wait for their end
   * @returns resolves when no allocation is left, or after `seconds`
   */
  async drain(seconds = 0): Promise<void> {
    this.#core.draining = true;
    await this.#service.drained(seconds);
  }

  /**
   * Ends all allocations, and frees threads and sockets. `drain` before it lets clients finish.
   * Repeated calls return the same promise.
   */
  close(): Promise<void> {
    this.#closed ??= this.#close();
    return this.#closed;
  }

  async #close(): Promise<void> {
    this.#core.draining = true;
    clearInterval(this.#timer);
    clearImmediate(this.#goingOn);
    for (const _left of this.#core.turn.closeAll()) await nextTurn();
    await this.#plane.close();
  }
}
