import type { BoundWatch } from '../logging/bound-watch.js';
import { MetricRegistry } from '../metrics/metric-registry.js';
import { RELAY_METRICS } from '../metrics/relay-metrics.js';
import { ALLOCATION_METRICS } from '../metrics/turn-metrics.js';
import { showDataPlane } from '../native/data-plane-metrics.js';
import type { DataPlane } from '../native/types.js';
import { REFUSALS } from '../overlay/refusals.js';
import type { RemoteRelay } from '../trunk/remote-relay.js';
import { BIND_REFUSALS } from '../turn/index.js';
import { showAllocations } from '../turn-server/allocation-metrics.js';
import type { RegistrationClient } from './registration-client.js';
import type { RelayCore } from './relay-core.js';

const { state: REGISTRATION_STATES } = RELAY_METRICS.turnpike_relay_registration_state.labels;
const { role: MEASURING_ROLES } = RELAY_METRICS.turnpike_relay_measuring_role.labels;
const { reason: BIND_REFUSAL_REASONS } =
  RELAY_METRICS.turnpike_relay_trunk_bind_refusals_total.labels;

type OmittedEvent =
  (typeof RELAY_METRICS.turnpike_relay_log_lines_omitted_total.labels.event)[number];

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
    this.#showBinds(core);
    this.#showChecks(core);
    this.#showMeasurements(core);
    showDataPlane(this.#registry, 'relay', plane);
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

  #showBinds({ binds: { refusals, failures } }: RelayCore): void {
    this.#registry.byLabels('turnpike_relay_trunk_bind_refusals_total', () =>
      BIND_REFUSAL_REASONS.map((reason) => [
        { code: String(BIND_REFUSALS[reason]), reason },
        refusals[reason],
      ]),
    );
    this.#registry.byLabel('turnpike_relay_trunk_bind_failures_total', () => failures);
  }

  #showMeasurements({ measurements, context: { trunk } }: RelayCore): void {
    const registry = this.#registry;
    const { regions } = trunk.relays;
    registry.byLabel('turnpike_relay_measuring_role', () =>
      MEASURING_ROLES.map((each) => [each, Number(each === regions.role)]),
    );
    registry.byLabel('turnpike_relay_region_rtt_seconds', () =>
      Array.from(regions.targets()).flatMap(({ record, rttNs }) =>
        rttNs === undefined ? [] : [[record.region, rttNs / 1e9] as const],
      ),
    );
    registry.value('turnpike_relay_client_networks', () => measurements.access.size);
  }

  #showChecks({ serviceChecker, claimResponder }: RelayCore): void {
    const registry = this.#registry;
    registry.byLabel('turnpike_relay_service_checks_total', () => serviceChecker.counts);
    registry.byLabel('turnpike_relay_claim_challenges_total', () => claimResponder.counts);
    registry.add(serviceChecker.answerSeconds);
  }
}
