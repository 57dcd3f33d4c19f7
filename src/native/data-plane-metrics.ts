import {
  FORWARDING_METRICS,
  type ForwardingMetrics,
  type ForwardingProgram,
} from '../metrics/forwarding-metrics.js';
import type { MetricRegistry } from '../metrics/metric-registry.js';
import { COUNTERS, type CounterMeaning, type CounterName, type CounterUnit } from './counters.js';
import type { DataPlane } from './types.js';
import { subjectsOf, XDP_FINDING_KINDS } from './xdp-finding.js';

/** What is measured of a data plane. */
export type MeasuredPlane = Pick<DataPlane, 'counters' | 'workers' | 'xdp'>;

/** A family for each unit: the numbers of a family can be added up where they are drops. */
const FAMILIES = {
  datagrams: 'data_plane_datagrams_total',
  records: 'data_plane_records_total',
  bytes: 'data_plane_bytes_total',
  operations: 'data_plane_operations_total',
} as const satisfies Record<CounterUnit, string>;
const DROPS = {
  datagrams: 'data_plane_dropped_datagrams_total',
  records: 'data_plane_dropped_records_total',
} as const satisfies Partial<Record<CounterUnit, string>>;

const XDP_MODES = FORWARDING_METRICS.xdp_mode.labels.mode;
const NAMES = Object.keys(COUNTERS) as CounterName[];

/** Adds what is measured of a program's data plane: threads, counters, and XDP. */
export function showDataPlane<Program extends ForwardingProgram>(
  registry: MetricRegistry<ForwardingMetrics<Program>>,
  program: Program,
  plane: MeasuredPlane,
): void {
  // The names differ by the prefix alone, which the types of a relay's stand for.
  const shown = registry as unknown as MetricRegistry<ForwardingMetrics<'relay'>>;
  const named = <Name extends string>(name: Name) =>
    `turnpike_${program}_${name}` as `turnpike_relay_${Name}`;
  shown.value(named('workers'), () => plane.workers);
  for (const [unit, name] of Object.entries(FAMILIES)) {
    shown.byLabel(named(name), counterRows(plane, unit as CounterUnit, false));
  }
  for (const [unit, name] of Object.entries(DROPS)) {
    shown.byLabel(named(name), counterRows(plane, unit as CounterUnit, true));
  }
  shown.value(named('xdp_devices'), () => plane.xdp.attached.length);
  shown.byLabel(named('xdp_mode'), () =>
    XDP_MODES.map((each) => [each, Number(each === plane.xdp.mode)]),
  );
  shown.byLabel(named('xdp_left_out'), () => leftOutRows(plane));
}

/**
 * Returns a function that reads the data plane's counters of one unit, for a metric.
 * @param dropped - whether those of drops or all others
 */
function counterRows(
  plane: MeasuredPlane,
  unit: CounterUnit,
  dropped: boolean,
): () => (readonly [name: CounterName, count: number])[] {
  const those = NAMES.filter((name) => {
    const meaning: CounterMeaning = COUNTERS[name];
    return meaning.unit === unit && (meaning.dropped ?? false) === dropped;
  });
  return () => {
    const counters = plane.counters();
    return those.map((name) => [name, Number(counters[name])] as const);
  };
}

/** Returns the numbers of sockets and devices that XDP leaves out, by the kind of finding. */
function leftOutRows({ xdp: { leftOut } }: MeasuredPlane) {
  return XDP_FINDING_KINDS.map((kind) => {
    // Two rules may leave out one socket.
    const names = leftOut.filter((each) => each.kind === kind).flatMap(subjectsOf);
    return [kind, new Set(names).size] as const;
  });
}
