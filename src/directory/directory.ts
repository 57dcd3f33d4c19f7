import type { AddressInfo } from 'node:net';
import type { Logger } from 'pino';
import { pino } from 'pino';
import {
  formatAddress,
  isLoopback,
  isWildcard,
  type TransportAddress,
  transportAddress,
} from '../address.js';
import { tenantRoot } from '../auth/keys.js';
import { TenantSecrets } from '../auth/tenant-secrets.js';
import { type Clock, systemClock } from '../clock.js';
import { bindAdvice } from '../errno-advice.js';
import { asTurnpikeError, TurnpikeError } from '../errors.js';
import type { ClientSources } from '../http/client-sources.js';
import { CONNECTIONS_MAX } from '../http/file-descriptors.js';
import { type Health, healthOf } from '../http/health.js';
import { checkOptions } from '../options/check.js';
import { type Effects, updateSettings } from '../options/update.js';
import { uniformRandom } from '../random.js';
import { pooledRandom } from '../random-pool.js';
import { Contests } from './claims/contests.js';
import { ConnectionBroker, type ConnectionWish } from './connection-broker.js';
import { Explainer } from './explainer.js';
import { FormerPairs } from './former-pairs.js';
import { ApiKeys, requireApiKey } from './http/api-keys.js';
import type { App } from './http/app.js';
import { peerRoutes } from './http/connection-routes.js';
import { explanationRoute } from './http/explanation-route.js';
import { operationsRoutes } from './http/health-routes.js';
import { iceServersRoute } from './http/ice-servers-route.js';
import { pingCandidatesRoute } from './http/ping-candidates-route.js';
import { registrationRoutes } from './http/registration-routes.js';
import { RelayRequestQueue } from './http/relay-request-queue.js';
import { acceptWebSockets, RendezvousSockets, rendezvousRoute } from './http/rendezvous-sockets.js';
import { createHttpServer, endRequest, tlsRenewal } from './http/server.js';
import { IceServers } from './ice-servers.js';
import { LiveSelection, PUBLISH_MS } from './live-selection.js';
import { MeasurementIntake } from './measurement-intake.js';
import { DirectoryMetrics } from './metrics.js';
import type { Minting } from './minting.js';
import {
  type CheckedDirectoryOptions,
  DIRECTORY_SPECS,
  type DirectoryOptions,
  type DirectoryUpdate,
} from './options.js';
import { PingCandidates } from './ping-candidates.js';
import { ProberAppointments } from './prober-appointments.js';
import { Reachability } from './reachability/reachability.js';
import { RecentSelections } from './recent-selections.js';
import { type RelayMessage, RelayMessageHandler } from './relay-messages.js';
import { RelayTable } from './relay-table.js';
import { Rooms } from './rendezvous/rooms.js';
import { UnmadeConnectionLog } from './rendezvous/unmade-connection-log.js';
import { ReplayFilter } from './replay-filter.js';
import { createResourceLimits } from './resource-limits.js';
import { SelectionPolicy } from './selection-policy.js';
import type { SelectionSettings } from './selection-settings.js';
import { Snapshots } from './snapshot.js';

/** Applies a change of a setting, by setting. */
type DirectoryEffects = Effects<DirectoryOptions, typeof DIRECTORY_SPECS>;

/** Interval of the sweep over silent relays, rooms, sockets and bounds. */
const SWEEP_MS = 250;

/**
 * The directory: keeps the live relays, selects a pair of them for two peers, and mints the peers'
 * credentials (PROTOCOL.md section 5).
 */
export class Directory {
  /** The listening address; with port 0 the port that the kernel chose. */
  readonly address: TransportAddress;
  /** `http://host:port` or `https://host:port`; the loopback address for a wildcard listener. */
  readonly url: string;
  readonly #app: App;
  readonly #effects: DirectoryEffects;
  readonly #snapshots: Snapshots;
  readonly #metrics: DirectoryMetrics;
  readonly #timers: readonly NodeJS.Timeout[];
  #closing: Promise<void> | undefined;

  private constructor(parts: {
    app: App;
    effects: DirectoryEffects;
    snapshots: Snapshots;
    metrics: DirectoryMetrics;
    timers: readonly NodeJS.Timeout[];
    tls: CheckedDirectoryOptions['tls'];
  }) {
    const bound = parts.app.server.address() as AddressInfo;
    this.address = transportAddress(bound.address, bound.port);
    const scheme = parts.tls === undefined ? 'http' : 'https';
    this.url = `${scheme}://${formatAddress(reachable(this.address))}`;
    this.#app = parts.app;
    this.#effects = parts.effects;
    this.#snapshots = parts.snapshots;
    this.#metrics = parts.metrics;
    this.#timers = parts.timers;
  }

  /**
   * Opens a directory.
   * @returns the directory, once it listens
   * @throws TurnpikeError as `checkOptions`; ERR_TURNPIKE_CONFIG for unusable API keys or TLS
   *   files; ERR_TURNPIKE_BIND with `errno` and `address` if it cannot listen
   */
  static async open(options: DirectoryOptions): Promise<Directory> {
    try {
      const specs = DIRECTORY_SPECS;
      return await Directory.#open(checkOptions('Directory.open', specs, options));
    } catch (error) {
      throw asTurnpikeError('Directory.open', error);
    }
  }

  static async #open(options: CheckedDirectoryOptions): Promise<Directory> {
    const {
      clusterSecret,
      apiKeys,
      tls,
      logger = pino({ enabled: false }),
      clock = systemClock,
      random = pooledRandom(),
    } = options;
    const keys = new ApiKeys(apiKeys, options.operatorKeys);
    const metrics = new DirectoryMetrics();
    const fleet = fleetOf(clock, uniformRandom(random), options.selection);
    const { relays, reachability, snapshots, live } = fleet;
    fleet.measurements.legs.usePlaces(options.places);
    const state = { ...fleet, clusterSecret, metrics, clock };
    const relayMessages = new RelayMessageHandler({ ...state, logger });
    const minting = { ...mintingOf(state), random, logger };
    const { broker, explainer, formerPairs } = brokerageOf(minting);
    const shares = createResourceLimits(options.trustedProxies, metrics, clock, logger);
    const { connections, requestLimiter, socketsMax, tenantRequests, bounds, sources } = shares;
    const app = await createHttpServer({ tls, logger, metrics, connections, requestLimiter });
    const unmade = new UnmadeConnectionLog(clock, logger);
    const create = (wish: ConnectionWish) => broker.create(wish);
    const rooms = new Rooms({ create, clock, onUnmade: (each) => unmade.notice(each) });
    const common = { connections, clock, metrics };
    const sockets = new RendezvousSockets({ ...common, sources, rooms, socketsMax, logger });
    await acceptWebSockets(app, { sockets, logger });
    app.register(async (scope: App) => {
      scope.decorateRequest('tenant', '');
      scope.decorateRequest('isOperator', false);
      scope.addHook('onRequest', requireApiKey({ ...common, keys, tenantRequests }));
      peerRoutes(scope, { broker, explainer, relays, snapshots, reachability, clock });
      explanationRoute(scope, { explainer, random });
      iceServersRoute(scope, new IceServers(minting));
      pingCandidatesRoute(scope, new PingCandidates({ ...state, random }), sources);
      rendezvousRoute(scope, sockets, (request) => endRequest(requestLimiter, request));
    });
    const relayRequests = new RelayRequestQueue(clock);
    app.register(async (scope: App) => {
      const apply = (event: RelayMessage) => relayMessages.apply(event);
      const guards = { nonces: new ReplayFilter(clock), relayRequests, connections };
      registrationRoutes(scope, { ...state, ...guards, apply });
    });
    let opened: Directory | undefined;
    operationsRoutes(app, { relays, health: () => opened?.health() ?? healthOf([]) });
    metrics.observe({ ...state, rooms, sockets, relayRequests, unmade });
    await listenOn(app, options.listen);
    const sweep = () => {
      explainer.sweep();
      formerPairs.sweep();
      requestLimiter.sweep();
      sockets.sweep();
      rooms.sweep();
      relayMessages.sweep(relayRequests.heardUntilMs());
      bounds.check();
    };
    const timers = [setInterval(sweep, SWEEP_MS), setInterval(() => live.publish(), PUBLISH_MS)];
    const effects = effectsOf(app, keys, sources, fleet);
    const directory = new Directory({ app, effects, snapshots, metrics, timers, tls });
    opened = directory;
    try {
      directory.#announce(logger);
    } catch (error) {
      // The caller's logger threw: close everything that is open.
      await directory.close();
      throw error;
    }
    return directory;
  }

  #announce(logger: Logger): void {
    if (this.url.startsWith('http:') && !isLoopback(this.address)) {
      logger.warn(
        { event: 'no-tls', address: formatAddress(this.address) },
        'listening without TLS on an address that others can reach: API keys and passwords ' +
          'travel in the clear',
      );
    }
    logger.debug({ url: this.url }, 'directory open');
  }

  /**
   * Changes settings of a running directory: all given ones, or none. API keys apply to requests
   * from now on, a certificate and trusted proxies to connections from now on. Open connections and
   * rendezvous sockets are not affected.
   * @param settings - the settings to change
   * @throws TurnpikeError as `checkOptions`; ERR_TURNPIKE_CONFIG for a setting that cannot change
   *   at run time, unusable keys or TLS files, or `tls` if the directory was opened without it
   */
  update(settings: DirectoryUpdate): void {
    const call = 'Directory#update';
    updateSettings<DirectoryOptions, typeof DIRECTORY_SPECS>(
      call,
      DIRECTORY_SPECS,
      this.#effects,
      settings,
    );
  }

  /**
   * Returns liveness and readiness. A lack of relays is reported but affects neither: relays cannot
   * register while a load balancer holds the directory not ready.
   */
  health(): Health {
    if (this.#closing !== undefined) {
      const detail = 'the directory stops';
      return healthOf([{ code: 'closing', detail, stops: 'readiness' }]);
    }
    const { relays } = this.#snapshots.current();
    if (relays.some(({ draining, confirmed }) => confirmed && !draining)) return healthOf([]);
    const detail = `none of ${relays.length} registered relays can be chosen`;
    return healthOf([{ code: 'no-relays', detail, stops: 'nothing' }]);
  }

  /**
   * Returns all metrics in Prometheus' text format (docs/metrics.md). They name tenants and relays,
   * so the server for peers and relays does not serve them.
   */
  metrics(): Promise<string> {
    return this.#metrics.text();
  }

  /**
   * Stops listening, closes every socket and clears every timer. Repeated calls return the same
   * promise.
   */
  close(): Promise<void> {
    this.#closing ??= this.#close();
    return this.#closing;
  }

  async #close(): Promise<void> {
    for (const timer of this.#timers) clearInterval(timer);
    await this.#app.close();
  }
}

function effectsOf(
  app: App,
  keys: ApiKeys,
  sources: ClientSources,
  { measurements, policy, live }: ReturnType<typeof fleetOf>,
): DirectoryEffects {
  return {
    apiKeys: (next) => keys.renewal(next),
    operatorKeys: (next) => keys.operatorRenewal(next),
    tls: (pair) => tlsRenewal(app, pair),
    trustedProxies: (proxies) => sources.renewal(proxies),
    places: (places) => () => measurements.legs.usePlaces(places),
    selection: (settings) => {
      const renew = policy.renewal(settings);
      return () => {
        renew();
        live.renewPolicy();
      };
    },
  };
}

async function listenOn(app: App, listen: TransportAddress): Promise<void> {
  try {
    const backlog = CONNECTIONS_MAX;
    await app.listen({ host: listen.address, port: listen.port, backlog });
  } catch (cause) {
    await app.close();
    const { code } = cause as NodeJS.ErrnoException;
    const address = formatAddress(listen);
    const why = `${code ?? cause}${bindAdvice(code, listen)}`;
    throw new TurnpikeError('ERR_TURNPIKE_BIND', `cannot listen on ${address}: ${why}`, {
      cause,
      address,
      ...(code === undefined ? {} : { errno: code }),
    });
  }
}

/** Returns an address by which this host reaches a listener: loopback for a wildcard. */
function reachable(address: TransportAddress): TransportAddress {
  if (!isWildcard(address)) return address;
  const loopback = address.address.includes(':') ? '::1' : '127.0.0.1';
  return { address: loopback, port: address.port };
}

/** Returns what mints credentials by the state of a directory. */
function mintingOf<S extends { readonly clusterSecret: Uint8Array }>(state: S) {
  const tenantSecrets = new TenantSecrets(tenantRoot(state.clusterSecret));
  return { ...state, tenantSecrets };
}

/** Returns what brokers connections, and what it remembers of them. */
function brokerageOf(minting: Minting) {
  const recent = new RecentSelections();
  const formerPairs = new FormerPairs(minting);
  const broker = new ConnectionBroker(minting, recent, formerPairs);
  return { broker, explainer: new Explainer(minting.live, recent), formerPairs };
}

/** Returns what a directory knows of its relays. */
function fleetOf(clock: Clock, random: () => number, selection?: SelectionSettings) {
  const relays = new RelayTable(clock);
  const knows = (id: string, other: string) => relays.knows(id, other);
  const reachability = new Reachability({ clock, random, knows });
  const probers = new ProberAppointments(reachability);
  const contests = new Contests({ clock, random });
  const snapshots = new Snapshots(relays, reachability);
  const measurements = new MeasurementIntake(clock);
  const policy = new SelectionPolicy(selection);
  const live = new LiveSelection({ clock, snapshots, estimates: measurements, policy });
  return { policy, relays, reachability, probers, contests, snapshots, measurements, live };
}
