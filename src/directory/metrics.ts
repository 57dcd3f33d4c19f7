import { KeyCounter } from '../collections/key-counter.js';
import type { BoundWatch } from '../logging/bound-watch.js';
import { DIRECTORY_METRICS } from '../metrics/directory-metrics.js';
import { MetricRegistry } from '../metrics/metric-registry.js';
import { isCondemned } from '../selection/doubts.js';
import type { Contests } from './claims/contests.js';
import type { MeasurementIntake } from './measurement-intake.js';
import type { Reachability } from './reachability/reachability.js';
import type { RelayTable } from './relay-table.js';
import type { LiveRelay, Snapshots } from './snapshot.js';

interface Sized {
  readonly size: number;
}

/** What gauges are read from when `/metrics` is. */
export interface DirectoryMetricsSources {
  readonly relays: RelayTable;
  readonly snapshots: Snapshots;
  readonly reachability: Reachability;
  readonly contests: Contests;
  readonly measurements: MeasurementIntake;
  readonly rooms: Sized;
  readonly sockets: Sized;
  readonly relayRequests: Sized;
  readonly unmade: { readonly count: number };
}

/** Label of requests to no route: a path from the network is never a label. */
export const NO_ROUTE = 'none';

/** What a directory measures, as `DIRECTORY_METRICS` declares it. */
export class DirectoryMetrics {
  readonly #registry = new MetricRegistry(DIRECTORY_METRICS, 'directory');
  /** What was refused, by the code of the problem. */
  readonly refused = new KeyCounter();
  readonly requests = this.#registry.counter('turnpike_directory_requests_total');
  readonly requestSeconds = this.#registry.histogram('turnpike_directory_request_duration_seconds');
  readonly waitSeconds = this.#registry.histogram('turnpike_directory_request_wait_seconds');
  readonly selectionSeconds = this.#registry.histogram(
    'turnpike_directory_selection_duration_seconds',
  );
  readonly connections = this.#registry.counter('turnpike_directory_connections_total');
  readonly iceServers = this.#registry.counter('turnpike_directory_ice_servers_total');
  readonly relayRequestsRefused = this.#registry.counter(
    'turnpike_directory_relay_requests_refused_total',
  );
  readonly relaysExpired = this.#registry.counter('turnpike_directory_relays_expired_total');
  readonly rendezvousErrors = this.#registry.counter('turnpike_directory_rendezvous_errors_total');
  readonly doubts = this.#registry.counter('turnpike_directory_doubts_raised_total');

  /** Counts a relay's request that is refused. */
  refuseRelay(code: string): void {
    this.relayRequestsRefused.inc({ code });
    this.refused.add(code);
  }

  /** Adds what was met of the directory's bounds. */
  observeBounds(bounds: BoundWatch): void {
    this.#registry.byLabel('turnpike_directory_bounds_met_total', () => bounds.counts());
  }

  /** Adds what is read when `/metrics` is. */
  observe(sources: DirectoryMetricsSources): void {
    const { relays, snapshots, contests, rooms, sockets, relayRequests, unmade } = sources;
    const registry = this.#registry;
    registry.byLabel('turnpike_directory_relays', () => statesOf(snapshots.current().relays));
    registry.add(relays.beatSeconds);
    registry.value('turnpike_directory_registry_versions_total', () => relays.versionsMade);
    registry.value('turnpike_directory_relay_requests_waiting', () => relayRequests.size);
    registry.byLabel('turnpike_directory_claims_total', () => contests.counts);
    registry.add(contests.decisionSeconds);
    registry.value('turnpike_directory_claims_contested', () => contests.size);
    registry.value('turnpike_directory_connections_unmade_total', () => unmade.count);
    registry.value('turnpike_directory_rendezvous_rooms', () => rooms.size);
    registry.value('turnpike_directory_rendezvous_sockets', () => sockets.size);
    const { measurements } = sources;
    registry.byLabels('turnpike_directory_measurements_total', () => measurements.counts);
    registry.value('turnpike_directory_access_clusters', () => measurements.legs.size);
    this.#observeReachability(sources);
  }

  /** A relay has a row only while a report is about it. There are no rows for pairs. */
  #observeReachability({ snapshots, reachability }: DirectoryMetricsSources): void {
    const registry = this.#registry;
    registry.byLabels('turnpike_directory_relay_unreached_by', () =>
      snapshots.current().relays.flatMap(({ record }) => {
        const relay = record.id;
        const service = record.serviceAddresses.map(
          (address) => reachability.serviceOf(relay, address).evidence.said,
        );
        const said = [
          [{ relay, kind: 'trunk' }, reachability.trunkSaid(relay)],
          [{ relay, kind: 'service' }, Math.max(0, ...service)],
        ] as const;
        return said.filter(([, relays]) => relays > 0);
      }),
    );
    registry.byLabels('turnpike_directory_doubts', () => countDoubts(reachability));
    registry.value('turnpike_directory_pairs_apart', () => reachability.countPairsApart());
    registry.value('turnpike_directory_verdicts_suspended', () =>
      Number(reachability.allCondemned),
    );
  }

  /** Everything, in Prometheus' text format. */
  text(): Promise<string> {
    return this.#registry.text();
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
  return states;
}

/** Rows of every kind and doubt, also of those that are nowhere. */
function* countDoubts(reachability: Reachability) {
  const doubts = [...reachability.doubts()].map(({ doubt, evidence }) => ({
    doubt,
    kind: evidence.address === undefined ? 'trunk' : 'service',
  }));
  for (const kind of ['trunk', 'service'] as const) {
    for (const doubt of ['suspected', 'unreachable'] as const) {
      const alike = doubts.filter((each) => each.kind === kind && each.doubt === doubt);
      yield [{ kind, doubt }, alike.length] as const;
    }
  }
}
