import { Counter, Gauge, Histogram, Registry } from 'prom-client';
import type { BoundWatch } from '../logging/bound-watch.js';
import { collect, single } from '../metrics/families.js';
import { addBuildInfo, metricsText } from '../metrics/process.js';
import type { Contests } from './claims/contests.js';
import { isCondemned } from './reachability/doubts.js';
import { observeReachability } from './reachability/gauges.js';
import type { Reachability } from './reachability/reachability.js';
import type { RelayTable } from './relay-table.js';
import type { LiveRelay, Snapshots } from './snapshot.js';

interface Sized {
  readonly size: number;
}

/** Label of requests to no route: a path from the network is never a label. */
export const NO_ROUTE = 'none';

/**
 * What `/metrics` shows, which docs/metrics.md lists. Labels are routes, configured tenants,
 * statuses and codes: their number does not grow with traffic.
 */
export class DirectoryMetrics {
  readonly #registry = new Registry();
  /** What was refused, by the code of the problem. */
  readonly refused = new Map<string, number>();

  constructor() {
    addBuildInfo(this.#registry, 'directory');
  }

  readonly requests = new Counter({
    name: 'turnpike_directory_requests_total',
    help: 'HTTP requests answered.',
    labelNames: ['route', 'status'] as const,
    registers: [this.#registry],
  });

  readonly requestSeconds = new Histogram({
    name: 'turnpike_directory_request_seconds',
    help: 'Time to answer an HTTP request.',
    labelNames: ['route'] as const,
    buckets: [0.001, 0.005, 0.02, 0.1, 0.5, 2],
    registers: [this.#registry],
  });

  readonly connections = new Counter({
    name: 'turnpike_directory_connections_total',
    help: 'Connections asked for, by tenant and result.',
    labelNames: ['tenant', 'result'] as const,
    registers: [this.#registry],
  });

  readonly relayRequestsRefused = new Counter({
    name: 'turnpike_directory_relay_requests_refused_total',
    help: 'Requests of relays refused, by code.',
    labelNames: ['code'] as const,
    registers: [this.#registry],
  });

  readonly relaysExpired = new Counter({
    name: 'turnpike_directory_relays_expired_total',
    help: 'Relays forgotten because they were silent.',
    registers: [this.#registry],
  });

  readonly rendezvousErrors = new Counter({
    name: 'turnpike_directory_rendezvous_errors_total',
    help: 'Errors sent to rendezvous peers, by code.',
    labelNames: ['code'] as const,
    registers: [this.#registry],
  });

  readonly doubts = new Counter({
    name: 'turnpike_directory_doubts_raised_total',
    help: 'Relays or service addresses that came to be suspected or held unreachable.',
    labelNames: ['doubt'] as const,
    registers: [this.#registry],
  });

  /** Counts a refusal. */
  refuse(code: string): void {
    this.refused.set(code, (this.refused.get(code) ?? 0) + 1);
  }

  /** Adds what was met of the directory's bounds. */
  observeBounds(bounds: BoundWatch): void {
    const total = { type: Counter, registry: this.#registry };
    const help = 'Refused or closed at a bound.';
    collect(total, 'turnpike_directory_bounds_met_total', help, 'bound', () => bounds.counts());
  }

  /** Adds gauges that are read when `/metrics` is. */
  observe(sources: {
    relays: RelayTable;
    snapshots: Snapshots;
    reachability: Reachability;
    contests: Contests;
    rooms: Sized;
    sockets: Sized;
    relayRequests: Sized;
    unmade: { readonly count: number };
  }): void {
    const { relays, snapshots, reachability, contests, rooms, sockets, relayRequests, unmade } =
      sources;
    observeReachability({ snapshots, reachability, registry: this.#registry });
    const gauge = { type: Gauge, registry: this.#registry };
    const total = { type: Counter, registry: this.#registry };
    const states = () => statesOf(snapshots.current().relays);
    const ofRelays = 'Live relays, by whether they may be chosen.';
    collect(gauge, 'turnpike_directory_relays', ofRelays, 'state', states);
    collect(
      total,
      'turnpike_directory_claims_total',
      'Claims to addresses of other relays, by what became of them.',
      'result',
      () => Object.entries(contests.counts),
    );
    single(
      gauge,
      'turnpike_directory_claims_contested',
      'Claims that other relays are looking into.',
      () => contests.size,
    );
    single(
      total,
      'turnpike_directory_registry_versions_total',
      'Versions of the registry that relays were told of.',
      () => relays.versionsMade,
    );
    single(
      total,
      'turnpike_directory_connections_unmade_total',
      'Connections that a peer asked to have replaced before they were in use.',
      () => unmade.count,
    );
    single(
      gauge,
      'turnpike_directory_relay_requests_waiting',
      'Requests of relays that wait for their turn.',
      () => relayRequests.size,
    );
    single(
      gauge,
      'turnpike_directory_rendezvous_rooms',
      'Rendezvous rooms that exist.',
      () => rooms.size,
    );
    single(
      gauge,
      'turnpike_directory_rendezvous_sockets',
      'Rendezvous sockets that are open.',
      () => sockets.size,
    );
  }

  /** Everything, in Prometheus' text format. */
  text(): Promise<string> {
    return metricsText(this.#registry);
  }
}

/** How many relays may be chosen, and how many not, for which reason. */
function statesOf(live: readonly LiveRelay[]) {
  const states = { ready: 0, unreachable: 0, unconfirmed: 0, draining: 0 };
  for (const relay of live) {
    const { length } = relay.record.serviceAddresses;
    const ready = isCondemned(length, relay.doubts) ? 'unreachable' : 'ready';
    const state = relay.confirmed ? ready : 'unconfirmed';
    states[relay.draining ? 'draining' : state] += 1;
  }
  return Object.entries(states);
}
