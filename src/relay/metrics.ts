import { Counter, Gauge, Registry } from 'prom-client';
import { type DataPlane, XDP_FINDING_KINDS, type XdpFinding } from '../native/types.js';
import { REFUSALS } from './refusals.js';
import type { RelayRules } from './rules.js';
import type { RelayStats } from './stats.js';

/** Label values with their numbers. */
type Rows = Iterable<readonly [label: string, value: number]>;

/**
 * The relay's metrics. Labels are of bounded cardinality: names of counters, STUN codes and relay
 * ids of the registry; never a user, a tenant or an address.
 */
export class RelayMetrics {
  readonly #registry = new Registry();

  constructor(rules: RelayRules, plane: DataPlane) {
    const { stats, legs, trunk, offers, log } = rules.context;
    const gauge = { type: Gauge, registry: this.#registry };
    const total = { type: Counter, registry: this.#registry };
    collect(gauge, 'turnpike_relay_legs', 'Legs held, and the most there can be.', 'kind', () => [
      ['held', legs.size],
      ['max', legs.legsMax],
    ]);
    collect(total, 'turnpike_relay_data_plane_total', 'Counters of the data plane.', 'name', () =>
      Object.entries(plane.counters()).map(([name, value]) => [name, Number(value)]),
    );
    collect(total, 'turnpike_relay_client_messages_total', 'STUN from peers.', 'kind', () =>
      Object.entries(stats.client),
    );
    collectRefusals(this.#registry, stats);
    collect(
      total,
      'turnpike_relay_authentication_failures_total',
      'Requests that were not authenticated; the first of every peer has no-integrity.',
      'reason',
      () => stats.authentication.entries(),
    );
    collect(
      total,
      'turnpike_relay_log_lines_omitted_total',
      'Lines that the log left out because they were too many.',
      'event',
      () => log.omitted.entries(),
    );
    collect(total, 'turnpike_relay_legs_total', 'Legs by what became of them.', 'event', () =>
      Object.entries(stats.legs),
    );
    collect(total, 'turnpike_relay_trunk_drops_total', 'Trunk control dropped.', 'why', () => [
      ...Object.entries(trunk.drops),
      ['offer_table_full', offers.refused],
    ]);
    collect(total, 'turnpike_relay_faults_total', 'Faults of the relay itself.', 'where', () => [
      ['control', stats.faults],
    ]);
    collect(gauge, 'turnpike_relay_trunk_connections', 'Connections by trunk.', 'relay', () =>
      [...trunk.relays()].map(({ remote }) => [remote.id, remote.connections]),
    );
    collect(gauge, 'turnpike_relay_trunk_rtt_seconds', 'Smoothed round trip.', 'relay', () =>
      [...trunk.relays()].flatMap(({ remote, rttNs }) =>
        rttNs === undefined ? [] : [[remote.id, rttNs / 1e9] as const],
      ),
    );
    collectXdp(gauge, plane);
  }

  /** All metrics in Prometheus' text format. */
  text(): Promise<string> {
    return this.#registry.metrics();
  }
}

/** How the fast path runs, and how many sockets and devices it leaves out for which reason. */
function collectXdp(gauge: { type: typeof Gauge; registry: Registry }, plane: DataPlane): void {
  collect(gauge, 'turnpike_relay_xdp_mode', '1 for the mode that XDP runs in.', 'mode', () => {
    const { mode } = plane.xdp;
    return ['off', 'native', 'generic'].map((each) => [each, each === mode ? 1 : 0]);
  });
  const left = 'Sockets and devices that XDP leaves out.';
  collect(gauge, 'turnpike_relay_xdp_left_out', left, 'reason', () => {
    const { leftOut } = plane.xdp;
    const count = ({ clientAddresses, trunkAddresses, device }: XdpFinding) =>
      device === undefined ? clientAddresses.length + trunkAddresses.length : 1;
    return XDP_FINDING_KINDS.map((kind) => [
      kind,
      leftOut.reduce((sum, each) => sum + (each.kind === kind ? count(each) : 0), 0),
    ]);
  });
}

function collectRefusals(registry: Registry, stats: RelayStats): void {
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

/** Registers a metric with one label, read when it is asked for. */
function collect(
  kind: { type: typeof Gauge | typeof Counter; registry: Registry },
  name: string,
  help: string,
  label: string,
  rows: () => Rows,
): void {
  new kind.type({
    name,
    help,
    labelNames: [label],
    registers: [kind.registry],
    collect() {
      this.reset();
      for (const [value, number] of rows()) this.inc({ [label]: value }, number);
    },
  });
}
