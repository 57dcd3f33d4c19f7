import type { BoundWatch } from '../logging/bound-watch.js';
import type { NameOf } from '../metrics/metric.js';
import { MetricRegistry } from '../metrics/metric-registry.js';
import { RELAY_METRICS } from '../metrics/relay-metrics.js';
import { ALLOCATION_METRICS } from '../metrics/turn-metrics.js';
import { counterRows } from '../native/counter-rows.js';
import type { CounterUnit } from '../native/counters.js';
import type { DataPlane } from '../native/types.js';
import { subjectsOf, XDP_FINDING_KINDS } from '../native/xdp-finding.js';
import { REFUSALS } from '../overlay/refusals.js';
import type { RemoteRelay } from '../trunk/remote-relay.js';
import { showAllocations } from '../turn-server/allocation-metrics.js';
import type { RegistrationClient } from './registration-client.js';
import type { RelayCore } from './relay-core.js';

const { state: REGISTRATION_STATES } = RELAY_METRICS.turnpike_relay_registration_state.labels;
const { mode: XDP_MODES } = RELAY_METRICS.turnpike_relay_xdp_mode.labels;

type OmittedEvent =
  (typeof RELAY_METRICS.turnpike_relay_log_lines_omitted_total.labels.event)[number];

/** A family for each unit: the numbers of a family can be added up where they are drops. */
const FAMILIES = {
  datagrams: 'turnpike_relay_data_plane_datagrams_total',
  records: 'turnpike_relay_data_plane_records_total',
  bytes: 'turnpike_relay_data_plane_bytes_total',
  operations: 'turnpike_relay_data_plane_operations_total',
} as const satisfies Record<CounterUnit, NameOf<typeof RELAY_METRICS, 'counter'>>;
const DROPS = {
  datagrams: 'turnpike_relay_data_plane_dropped_datagrams_total',
  records: 'turnpike_relay_data_plane_dropped_records_total',
} as const satisfies Partial<Record<CounterUnit, NameOf<typeof RELAY_METRICS, 'counter'>>>;

/**
 * What a relay measures, as `RELAY_METRICS` declares it and, where it serves TURN,
 * `ALLOCATION_METRICS`. Labels are of bounded cardinality: never a
 * user, a tenant or an address.
 */
export class RelayMetrics {
  readonly #registry = new MetricRegistry({ ...RELAY_METRICS, ...ALLOCATION_METRICS }, 'relay');
  #registration: RegistrationClient | undefined;

  constructor(core: RelayCore, plane: DataPlane) {
    this.#showLegs(core);
    if (core.turn !== undefined) showAllocations(this.#registry, core.turn, plane);
    this.#showClients(core);
    this.#showDirectory();
    this.#showTrunk(core);
    this.#showChecks(core);
    this.#showDataPlane(plane);
    this.#showXdp(plane);
    this.#registry.value('turnpike_relay_draining', () => Number(core.draining));
    this.#registry.value('turnpike_relay_faults_total', () => core.faults);
  }

  /** Adds what was met of the relay's bounds. */
  observeBounds(bounds: BoundWatch): void {
    this.#registry.byLabel('turnpike_relay_bounds_met_total', () => bounds.counts());
  }

  /** Adds how the relay stands with its directory. */
  observeRegistration(registration: RegistrationClient): void {
    this.#registration = registration;
    this.#registry.add(registration.requestSeconds);
  }

  /** All metrics in Prometheus' text format. */
  text(): Promise<string> {
    return this.#registry.text();
  }

  #showLegs({ context: { legs, stats, log }, turnLog }: RelayCore): void {
    const registry = this.#registry;
    registry.value('turnpike_relay_legs', () => legs.size);
    registry.value('turnpike_relay_legs_limit', () => legs.legsMax);
    registry.byLabel('turnpike_relay_leg_events_total', () => stats.legs);
    registry.byLabels('turnpike_relay_refusals_total', () =>
      Array.from(stats.refusals.entries(), ([reason, count]) => [
        { code: String(REFUSALS[reason]), reason },
        count,
      ]),
    );
    registry.byLabel('turnpike_relay_log_lines_omitted_total', () => {
      // An event of both is one label.
      const lines = new Map<OmittedEvent, number>(log.omitted);
      for (const [event, count] of turnLog.omitted) {
        lines.set(event, (lines.get(event) ?? 0) + count);
      }
      return lines;
    });
    registry.add(stats.connectSeconds);
    registry.add(stats.offerSeconds);
  }

  #showClients({ server, context, batchSeconds }: RelayCore): void {
    const registry = this.#registry;
    const { client, authentication } = server.stats;
    registry.byLabel('turnpike_relay_client_messages_total', () => {
      const { requests, indications, malformed } = client;
      return { requests, indications, malformed };
    });
    registry.byLabel('turnpike_relay_client_drops_total', () => {
      const { over_binding_budget, over_challenge_budget, over_wrong_credential_budget } = client;
      const { outdated } = context.stats;
      return {
        ...{ over_binding_budget, over_challenge_budget, over_wrong_credential_budget },
        outdated,
      };
    });
    registry.value('turnpike_relay_client_challenges_total', () => client.challenges);
    registry.byLabel('turnpike_relay_authentication_failures_total', () =>
      authentication.entries(),
    );
    registry.add(batchSeconds);
  }

  #showDirectory(): void {
    this.#registry.byLabel('turnpike_relay_registration_state', () => {
      const { state = 'none' } = this.#registration ?? {};
      return REGISTRATION_STATES.map((each) => [each, Number(each === state)]);
    });
    this.#registry.value('turnpike_relay_directory_reachable', () =>
      Number(this.#registration !== undefined && this.#registration.away === undefined),
    );
  }

  #showTrunk({ context: { trunk, offers } }: RelayCore): void {
    const registry = this.#registry;
    const ofRelays = (read: (remote: RemoteRelay) => number | undefined) => () =>
      [...trunk.relays.all()].flatMap((remote) => {
        const number = read(remote);
        return number === undefined ? [] : [[remote.id, number] as const];
      });
    registry.byLabel('turnpike_relay_trunk_drops_total', () => ({
      ...trunk.drops,
      offer_table_full: offers.refused,
    }));
    registry.byLabel(
      'turnpike_relay_trunk_connections',
      ofRelays(({ connections }) => connections),
    );
    registry.byLabel(
      'turnpike_relay_trunk_rtt_seconds',
      ofRelays(({ rttNs }) => (rttNs === undefined ? undefined : rttNs / 1e9)),
    );
    registry.byLabel(
      'turnpike_relay_trunk_mtu_bytes',
      ofRelays(({ mtuBytes }) => mtuBytes),
    );
    registry.byLabel(
      'turnpike_relay_trunk_path_switches_total',
      ofRelays(({ paths }) => paths.switches),
    );
    registry.byLabel(
      'turnpike_relay_trunk_reachable',
      ofRelays(({ unreachable }) =>
        unreachable === 'no-common-family' ? undefined : Number(unreachable === undefined),
      ),
    );
    registry.add(trunk.relays.probeRttSeconds);
  }

  #showChecks({ serviceChecker, claimResponder }: RelayCore): void {
    const registry = this.#registry;
    registry.byLabel('turnpike_relay_service_checks_total', () => serviceChecker.counts);
    registry.byLabel('turnpike_relay_claim_challenges_total', () => claimResponder.counts);
    registry.add(serviceChecker.answerSeconds);
  }

  #showDataPlane(plane: DataPlane): void {
    for (const [unit, name] of Object.entries(FAMILIES)) {
      this.#registry.byLabel(name, counterRows(plane, unit as CounterUnit, false));
    }
    for (const [unit, name] of Object.entries(DROPS)) {
      this.#registry.byLabel(name, counterRows(plane, unit as CounterUnit, true));
    }
    this.#registry.value('turnpike_relay_workers', () => plane.workers);
  }

  #showXdp(plane: DataPlane): void {
    this.#registry.value('turnpike_relay_xdp_devices', () => plane.xdp.attached.length);
    this.#registry.byLabel('turnpike_relay_xdp_mode', () => {
      const { mode } = plane.xdp;
      return XDP_MODES.map((each) => [each, Number(each === mode)]);
    });
    this.#registry.byLabel('turnpike_relay_xdp_left_out', () => {
      const { leftOut } = plane.xdp;
      return XDP_FINDING_KINDS.map((kind) => {
        // Two rules may leave out one socket.
        const names = leftOut.filter((each) => each.kind === kind).flatMap(subjectsOf);
        return [kind, new Set(names).size] as const;
      });
    });
  }
}
