import { setImmediate as nextTurn, setTimeout } from 'node:timers/promises';
import { type Logger, pino } from 'pino';
import type { TransportAddress } from '../address.js';
import { systemClock } from '../clock.js';
import { asTurnpikeError } from '../errors.js';
import { BoundAddresses } from '../http/forwarding-health.js';
import type { Health } from '../http/health.js';
import { BoundWatch } from '../logging/bound-watch.js';
import type { Counters } from '../native/counters.js';
import { ForwardingLog } from '../native/forwarding-log.js';
import { DATA_PLANE_LIMITS } from '../native/interface.js';
import { openPlane } from '../native/open.js';
import type { DataPlane, DataPlaneBatch } from '../native/types.js';
import { WorkerWatchdog } from '../native/worker-watchdog.js';
import { checkOptions } from '../options/check.js';
import { type Effects, updateSettings } from '../options/update.js';
import { pooledRandom } from '../random-pool.js';
import { SECRET_BYTES } from '../secret-bytes.js';
import type { RelayedAddress, TurnLimits } from '../turn/index.js';
import type { AllocationsLimit } from './allocations-limit.js';
import { Credentials, type CredentialTexts } from './credentials.js';
import { TURN_SETTINGS } from './option-specs.js';
import type { CheckedTurnServerOptions, TurnServerOptions, TurnServerUpdate } from './options.js';
import { unreachableRelayAddresses } from './relay-addresses.js';
import { type PeerLists, ReplaceablePeerPolicy } from './replaceable-peer-policy.js';
import { type ServingPlan, servingPlan } from './serving-plan.js';
import { TurnCore } from './turn-core.js';
import { turnServerBounds } from './turn-server-bounds.js';
import { turnServerHealth } from './turn-server-health.js';
import { TurnServerMetrics } from './turn-server-metrics.js';
import { clientAddresses, turnUrl } from './turn-urls.js';

/** Maximum permissions of one allocation; a further one is refused with 508. */
export const PERMISSIONS_OF_ALLOCATION_MAX = 256;

/** Maximum channels of one allocation; a further one is refused with 508. */
export const CHANNELS_OF_ALLOCATION_MAX = 256;

/** Entries of a worker's table per allocation: its own, and those of two peers with a channel. */
export const FLOWS_PER_ALLOCATION = 8;

/** Interval of `TurnCore.tick`, ms. */
const TICK_MS = 100;

/** Interval at which a draining server looks whether allocations are left, ms. */
const DRAIN_POLL_MS = 50;

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
  readonly #credentials: Credentials;
  readonly #peers: ReplaceablePeerPolicy;
  readonly #metrics: TurnServerMetrics;
  readonly #timer: NodeJS.Timeout;
  readonly #workers: WorkerWatchdog;
  readonly #bound: BoundAddresses;
  readonly #logger: Logger;
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
    const credentials = new Credentials(options.realm, options);
    const plan = await servingPlan(options);
    const peers = new ReplaceablePeerPolicy(options, plan.relayAddresses);
    // Datagrams that arrive before the core exists are dropped; clients retransmit.
    let receive: (batch: DataPlaneBatch) => void = () => {};
    const plane = openPlane({
      clientAddresses: plan.listen,
      workers: plan.workers,
      clientFlowsMax: Math.min(
        FLOWS_PER_ALLOCATION * plan.allocationsMax,
        DATA_PLANE_LIMITS.clientFlowsLimit,
      ),
      sessionsMax: 1,
      remoteRelaysMax: 1,
      closedIndicationsPerSecond: 0,
      onBatch: (batch) => receive(batch),
    });
    try {
      await tryRelayAddresses(plane, plan.relayAddresses);
      const server = new TurnServer(options, { plan, plane, credentials, peers });
      receive = (batch) => server.#core.receive(batch);
      return server;
    } catch (error) {
      await plane.close();
      throw error;
    }
  }

  private constructor(
    options: CheckedTurnServerOptions,
    { plan, plane, credentials, peers }: Parts,
  ) {
    const {
      clock = systemClock,
      random = pooledRandom(),
      logger = pino({ enabled: false }),
    } = options;
    const { relayAddresses, ports, allocationsMax, because } = plan;
    this.#plane = plane;
    this.#credentials = credentials;
    this.#peers = peers;
    this.#logger = logger;
    this.listen = plane.clientAddresses;
    this.relayAddresses = relayAddresses;
    this.addresses = clientAddresses(plane.clientAddresses, relayAddresses);
    this.urls = this.addresses.map(turnUrl);
    this.allocationsLimit = { allocationsMax, because };
    const limits = limitsOf(allocationsMax, options.userQuota);
    const core = new TurnCore({
      plane,
      verifier: credentials.verifier,
      nonceSecret: options.nonceSecret ?? random(SECRET_BYTES),
      relayedAddresses: relayAddresses,
      ports,
      policy: peers,
      limits,
      onEvent: options.onEvent,
      clock,
      random,
      logger,
    });
    this.#core = core;
    this.#workers = new WorkerWatchdog(plane, clock, logger);
    this.#bound = new BoundAddresses([
      ...plane.clientAddresses,
      ...relayAddresses.map(({ address }) => ({ address, port: 0 })),
    ]);
    const { stats } = core.turn;
    const bounded = turnServerBounds({ limits, stats, server: core.server.stats, plane });
    const bounds = new BoundWatch(bounded, clock, logger);
    this.#metrics = new TurnServerMetrics({ core, plane, bounds, allocationsMax });
    this.#sayDoubts();
    const watches = [this.#workers, bounds, new ForwardingLog(plane, clock, logger)];
    this.#timer = setInterval(() => {
      this.#after(core.tick());
      for (const each of watches) each.check();
    }, TICK_MS);
  }

  /** Logs what is probably not what the operator wants. */
  #sayDoubts(): void {
    for (const { address, advertised } of unreachableRelayAddresses(this.relayAddresses)) {
      this.#logger.warn(
        { event: 'relay-address-private', address, advertised },
        `the relay address ${advertised} cannot be reached from the Internet; behind a ` +
          `one-to-one NAT give the public one too: ${address}/PUBLIC-IP`,
      );
    }
    const { md5Only } = this.#credentials;
    if (md5Only.length === 0) return;
    this.#logger.info(
      { event: 'md5-only', users: md5Only.length },
      `users with an MD5 key alone, who cannot use SHA-256: ${md5Only.length}`,
    );
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
    const change: Change = {};
    updateSettings<TurnServerOptions, typeof TURN_SETTINGS>(
      'TurnServer#update',
      TURN_SETTINGS,
      collectIn(change),
      settings,
    );
    this.#take(change);
  }

  /** Takes checked settings. Throws as `update`; nothing has changed then. */
  #take(change: Change): void {
    const { users, authSecrets, userQuota } = change;
    const { turn } = this.#core;
    const takeCredentials = this.#credentials.prepare(change);
    const takePeers = this.#peers.prepare(change);
    takePeers();
    turn.setPolicy(this.#peers);
    if (users !== undefined || authSecrets !== undefined) {
      takeCredentials();
      const { verifier } = this.#credentials;
      turn.endUsers((username, key) => verifier.accepts(username, key));
    }
    if (userQuota !== undefined) {
      turn.setLimits(limitsOf(this.allocationsLimit.allocationsMax, userQuota));
    }
  }

  /**
   * Refuses new allocations with 508. Existing ones continue.
   * @param seconds - time to wait for their end
   * @returns resolves when no allocation is left, or after `seconds`
   */
  async drain(seconds = 0): Promise<void> {
    this.#core.draining = true;
    const until = performance.now() + seconds * 1_000;
    while (this.allocations > 0 && performance.now() < until) await setTimeout(DRAIN_POLL_MS);
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

/** Settings of one update. They are checked together, since one credential must be left. */
type Changing = CredentialTexts & PeerLists & { readonly userQuota: number };
type Change = { -readonly [Name in keyof Changing]?: Changing[Name] };

/** Returns effects that only note the values of an update. */
function collectIn(change: Change): Effects<TurnServerOptions, typeof TURN_SETTINGS> {
  const noted =
    <Name extends keyof Change>(name: Name) =>
    (value: NonNullable<Change[Name]>) =>
    () => {
      change[name] = value;
    };
  return {
    users: noted('users'),
    authSecrets: noted('authSecrets'),
    allowPeers: noted('allowPeers'),
    denyPeers: noted('denyPeers'),
    allowPrivatePeers: noted('allowPrivatePeers'),
    userQuota: noted('userQuota'),
  };
}

/** @param userQuota - 0 for none */
function limitsOf(allocationsMax: number, userQuota: number): TurnLimits {
  return {
    allocationsMax,
    userQuota: userQuota === 0 ? Number.POSITIVE_INFINITY : userQuota,
    permissionsMax: PERMISSIONS_OF_ALLOCATION_MAX,
    channelsMax: CHANNELS_OF_ALLOCATION_MAX,
  };
}

interface Parts {
  readonly plan: ServingPlan;
  readonly plane: DataPlane;
  readonly credentials: Credentials;
  readonly peers: ReplaceablePeerPolicy;
}

/**
 * Binds a port of each relay address and frees it again, so that a wrong address is an error at the
 * start instead of a refusal of every client.
 */
async function tryRelayAddresses(
  plane: DataPlane,
  addresses: readonly RelayedAddress[],
): Promise<void> {
  for (const { address } of addresses) {
    const spec = { kind: 'relayed', address: { address, port: 0 }, worker: 0 } as const;
    const { handle } = await plane.openEndpoint(spec);
    await plane.closeEndpoint(handle);
  }
}
