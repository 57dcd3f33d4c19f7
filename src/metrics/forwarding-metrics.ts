import type { Metrics } from './metric.js';

const COUNTER_NAMES = { bound: 'names of counters: data-plane.md' } as const;

/** Metrics of a data plane, by their names without the prefix of the program. */
export const FORWARDING_METRICS = {
  workers: {
    kind: 'gauge',
    unit: 'count',
    help: 'Forwarding threads.',
  },
  xdp_mode: {
    kind: 'gauge',
    unit: 'boolean',
    help: '1 for the mode of XDP, 0 for the others.',
    labels: { mode: ['off', 'native', 'generic'] },
  },
  xdp_devices: {
    kind: 'gauge',
    unit: 'count',
    help: 'Network devices to which the XDP program is attached.',
  },
  xdp_left_out: {
    kind: 'gauge',
    unit: 'count',
    help: 'Sockets and devices that XDP leaves out, by the kind of finding.',
    labels: { reason: { bound: 'kinds of findings: xdp.md' } },
  },
  data_plane_datagrams_total: {
    kind: 'counter',
    unit: 'count',
    help: 'Counters of the data plane in datagrams, except drops.',
    labels: { name: COUNTER_NAMES },
  },
  data_plane_records_total: {
    kind: 'counter',
    unit: 'count',
    help: 'Counters of the data plane in records, except drops. A record is a payload of a peer.',
    labels: { name: COUNTER_NAMES },
  },
  data_plane_bytes_total: {
    kind: 'counter',
    unit: 'bytes',
    help: 'Counters of the data plane in bytes of UDP payload.',
    labels: { name: COUNTER_NAMES },
  },
  data_plane_operations_total: {
    kind: 'counter',
    unit: 'count',
    help: 'Counters of the data plane in system calls, commands and events.',
    labels: { name: COUNTER_NAMES },
  },
  data_plane_dropped_datagrams_total: {
    kind: 'counter',
    unit: 'count',
    help: 'Datagrams that the data plane or the kernel dropped. The sum is all of them.',
    labels: { reason: COUNTER_NAMES },
  },
  data_plane_dropped_records_total: {
    kind: 'counter',
    unit: 'count',
    help: 'Records that the data plane dropped. The sum is all of them.',
    labels: { reason: COUNTER_NAMES },
  },
} as const satisfies Metrics;

/** The programs that have a data plane. */
export type ForwardingProgram = 'relay' | 'turn';

type Forwarding = typeof FORWARDING_METRICS;

/** Metrics of a program's data plane, by their full names. */
export type ForwardingMetrics<Program extends ForwardingProgram> = {
  readonly [Name in keyof Forwarding as `turnpike_${Program}_${Name}`]: Forwarding[Name];
};

/** Returns the metrics of a program's data plane: the same for each but for the prefix. */
export function forwardingMetrics<Program extends ForwardingProgram>(
  program: Program,
): ForwardingMetrics<Program> {
  const named = Object.entries(FORWARDING_METRICS).map(([name, metric]) => [
    `turnpike_${program}_${name}`,
    metric,
  ]);
  return Object.fromEntries(named);
}
