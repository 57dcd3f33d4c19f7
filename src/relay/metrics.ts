import { Counter, Gauge, Registry } from 'prom-client';
import { formatAddress } from '../address.js';
import type { BoundWatch } from '../logging/bound-watch.js';
import { collect, single } from '../metrics/families.js';
import { addBuildInfo, metricsText } from '../metrics/process.js';
import { COUNTERS, type CounterName, type CounterUnit } from '../native/counters.js';
import type { DataPlane } from '../native/types.js';
import { XDP_FINDING_KINDS, type XdpFinding } from '../native/xdp-finding.js';
import type { OverlayStats } from '../overlay/overlay-stats.js';
import { REFUSALS } from '../overlay/refusals.js';
import type { RegistrationClient } from './registration-client.js';
import type { RelayRules } from './rules.js';

/** How the relay stands with its directory, as far as metrics show it. */
export type Registered = Pick<RegistrationClient, 'state' | 'away'>;

/**
 * The relay's metrics, which docs/metrics.md lists. Labels are of bounded cardinality: names of
 * counters, STUN codes and relay ids of the registry; never a user, a tenant or an address.
 */
export class RelayMetrics {
  readonly #registry = new Registry();

  /**
   * @param registration - undefined where the relay has no directory
   */
  constructor(
    rules: RelayRules,
    plane: DataPlane,
    registration: () => Registered | undefined = () => undefined,
  ) {
    const { stats, legs, log } = rules.context;
    const { client, authentication } = rules.server.stats;
    const gauge = { type: Gauge, registry: this.#registry };
    const total = { type: Counter, registry: this.#registry };
    addBuildInfo(this.#registry, 'relay');
    single(gauge, 'turnpike_relay_legs', 'Legs held now.', () => legs.size);
    single(gauge, 'turnpike_relay_legs_limit', 'Legs that can be held.', () => legs.legsMax);
    this.#collectDataPlane(plane);
    this.#collectDirectory(rules, registration);
    collect(
      total,
      'turnpike_relay_client_messages_total',
      'STUN messages from peers.',
      'kind',
      () => Object.entries({ ...client, outdated: stats.outdated }),
    );
    collectRefusals(this.#registry, stats);
    collect(
      total,
      'turnpike_relay_authentication_failures_total',
      'Requests that were not authenticated; the first of every peer has no-integrity.',
      'reason',
      () => authentication.entries(),
    );
    collect(
      total,
      'turnpike_relay_log_lines_omitted_total',
      'Lines that the log left out because they were too many.',
      'event',
      () => log.omitted.entries(),
    );
    collect(total, 'turnpike_relay_leg_events_total', 'What became of legs.', 'event', () =>
      Object.entries(stats.legs),
    );
    single(
      total,
      'turnpike_relay_faults_total',
      'Messages and timers that met a fault of the relay itself.',
      () => rules.faults,
    );
    this.#collectTrunk(rules);
    collectXdp(gauge, plane);
  }

  /** Adds what was met of the relay's bounds. */
  observeBounds(bounds: BoundWatch): void {
    const total = { type: Counter, registry: this.#registry };
    const help = 'Refused or dropped at a bound.';
    collect(total, 'turnpike_relay_bounds_met_total', help, 'bound', () => bounds.counts());
  }

  /** All metrics in Prometheus' text format. */
  text(): Promise<string> {
    return metricsText(this.#registry);
  }

  /** One family for each unit: a family's numbers can be added up. */
  #collectDataPlane(plane: DataPlane): void {
    const total = { type: Counter, registry: this.#registry };
    const gauge = { type: Gauge, registry: this.#registry };
    const units: readonly CounterUnit[] = ['datagrams', 'records', 'bytes', 'operations'];
    for (const unit of units) {
      const family = `turnpike_relay_data_plane_${unit}_total`;
      collect(total, family, `Counters of the data plane in ${unit}.`, 'name', () =>
        Object.entries(plane.counters())
          .filter(([name]) => COUNTERS[name as CounterName].unit === unit)
          .map(([name, value]) => [name, Number(value)]),
      );
    }
    single(gauge, 'turnpike_relay_workers', 'Forwarding threads.', () => plane.workers);
    single(
      gauge,
      'turnpike_relay_xdp_devices',
      'Network devices that have the XDP program now.',
      () => plane.xdp.attached.length,
    );
  }

  #collectTrunk(rules: RelayRules): void {
    const { trunk, offers } = rules.context;
    const total = { type: Counter, registry: this.#registry };
    const gauge = { type: Gauge, registry: this.#registry };
    collect(
      total,
      'turnpike_relay_trunk_drops_total',
      'Control datagrams of relays dropped.',
      'why',
      () => [...Object.entries(trunk.drops), ['offer_table_full', offers.refused]],
    );
    collect(
      gauge,
      'turnpike_relay_trunk_connections',
      'Connections with each relay.',
      'relay',
      () => Array.from(trunk.relays.all(), ({ id, connections }) => [id, connections]),
    );
    collect(
      gauge,
      'turnpike_relay_trunk_rtt_seconds',
      'Median of the last round trip times to each relay, while measured.',
      'relay',
      () =>
        [...trunk.relays.all()].flatMap(({ id, rttNs }) =>
          rttNs === undefined ? [] : [[id, rttNs / 1e9] as const],
        ),
    );
    collect(
      gauge,
      'turnpike_relay_trunk_mtu_bytes',
      'UDP payload that passes the path in use to each relay.',
      'relay',
      () =>
        [...trunk.relays.all()].flatMap(({ id, mtuBytes }) =>
          mtuBytes === undefined ? [] : [[id, mtuBytes] as const],
        ),
    );
    collect(
      total,
      'turnpike_relay_trunk_path_switches_total',
      'Changes of the path in use to each relay.',
      'relay',
      () => Array.from(trunk.relays.all(), ({ id, paths }) => [id, paths.switches]),
    );
    collect(
      total,
      'turnpike_relay_service_checks_total',
      'Checks of service addresses of other relays, as the directory appoints them.',
      'event',
      () => Object.entries(rules.serviceChecker.counts),
    );
    collect(
      total,
      'turnpike_relay_claim_challenges_total',
      'Challenges that this relay was to answer, to prove that it is at its addresses.',
      'event',
      () => Object.entries(rules.claimResponder.counts),
    );
  }

  /** What the relay knows of its directory and of the other relays. */
  #collectDirectory(rules: RelayRules, registration: () => Registered | undefined): void {
    const gauge = { type: Gauge, registry: this.#registry };
    const { trunk } = rules.context;
    const truth = (value: boolean) => (value ? 1 : 0);
    collect(
      gauge,
      'turnpike_relay_registration_state',
      '1 at the state of the registration with the directory, else 0; none has no directory.',
      'state',
      () => {
        const { state = 'none' } = registration() ?? {};
        const states = ['none', 'registering', 'registered', 'superseded', 'stopped'] as const;
        return states.map((each) => [each, truth(each === state)]);
      },
    );
    single(
      gauge,
      'turnpike_relay_directory_answers',
      '1 where the directory has answered the last request, else 0.',
      () => truth(registration()?.away === undefined && registration() !== undefined),
    );
    single(gauge, 'turnpike_relay_draining', '1 while no new peers are taken, else 0.', () =>
      truth(rules.draining),
    );
    collect(
      gauge,
      'turnpike_relay_trunk_reachable',
      '1 where a relay can be reached, else 0.',
      'relay',
      () => {
        return [...trunk.relays.all()]
          .filter(({ unreachable }) => unreachable !== 'no-common-family')
          .map(({ id, unreachable }) => [id, truth(unreachable === undefined)]);
      },
    );
  }
}

/** How the fast path runs, and how many sockets and devices it leaves out for which reason. */
function collectXdp(gauge: { type: typeof Gauge; registry: Registry }, plane: DataPlane): void {
  collect(gauge, 'turnpike_relay_xdp_mode', '1 at how XDP runs now, else 0.', 'mode', () => {
    const { mode } = plane.xdp;
    return ['off', 'native', 'generic'].map((each) => [each, each === mode ? 1 : 0]);
  });
  const left = 'Sockets and devices that XDP leaves out.';
  collect(gauge, 'turnpike_relay_xdp_left_out', left, 'reason', () => {
    const { leftOut } = plane.xdp;
    return XDP_FINDING_KINDS.map((kind) => [
      kind,
      // Two rules may leave out one socket.
      new Set(leftOut.filter((each) => each.kind === kind).flatMap(namesOfLeftOut)).size,
    ]);
  });
}

function namesOfLeftOut(finding: XdpFinding): string[] {
  const { clientAddresses, trunkAddresses, device } = finding;
  if (device !== undefined) return [device];
  return [
    ...clientAddresses.map((address) => `client ${formatAddress(address)}`),
    ...trunkAddresses.map((address) => `trunk ${formatAddress(address)}`),
  ];
}

function collectRefusals(registry: Registry, stats: OverlayStats): void {
  new Counter({
    name: 'turnpike_relay_refusals_total',
    help: 'Errors answered to authenticated peers.',
    labelNames: ['code', 'reason'],
    registers: [registry],
    collect() {
      this.reset();
      for (const [reason, count] of stats.refusals.entries()) {
        this.inc({ code: REFUSALS[reason], reason }, count);
      }
    },
  });
}
