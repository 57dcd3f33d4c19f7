import { COUNTERS, type CounterMeaning, type CounterName } from '../../src/native/counters.js';
import type { MetricsText } from './metrics-text.js';

/** Two sums of counters that must be equal (docs/metrics.md has what each counts). */
export interface Balance {
  readonly name: string;
  /** Counts by name on each side of the equation. */
  readonly in: Readonly<Record<string, number>>;
  readonly out: Readonly<Record<string, number>>;
}

/** Returns the sum of one side of a balance. */
export function totalOf(part: Readonly<Record<string, number>>): number {
  return Object.values(part).reduce((sum, each) => sum + each, 0);
}

/** Returns whether the two sides of a balance are equal. */
export function isBalanced(balance: Balance): boolean {
  return totalOf(balance.in) === totalOf(balance.out);
}

/** Counters of received datagrams that were not dropped; each datagram counts in one. */
const PASSED = [
  'client_to_trunk',
  'client_to_client',
  'client_punted',
  'trunk_punted',
  'trunk_data',
  'trunk_probe',
  'trunk_probe_reply',
] as const satisfies readonly CounterName[];

/** Drops before reception, at sending, and of records whose datagram is in PASSED. */
const NOT_RECEIVED: readonly CounterName[] = [
  'receive_dropped',
  'send_blocked',
  'send_errors',
  'control_send_dropped',
  'trunk_unbound',
  'trunk_expired',
];

/** Drops of received datagrams: every drop counter that NOT_RECEIVED does not list. */
const DROPPED = (Object.keys(COUNTERS) as CounterName[]).filter(
  (name) => 'dropped' in COUNTERS[name] && !NOT_RECEIVED.includes(name),
);

/** Returns the metric that has a counter, and the label with the counter's name. */
const familyOf = (name: CounterName): [family: string, label: string] => {
  const { unit, dropped = false }: CounterMeaning = COUNTERS[name];
  return dropped
    ? [`turnpike_relay_data_plane_dropped_${unit}_total`, 'reason']
    : [`turnpike_relay_data_plane_${unit}_total`, 'name'];
};

/** Returns the value of a counter of a relay's data plane. */
function planeCounter(metrics: MetricsText, name: CounterName): number {
  const [family, label] = familyOf(name);
  return metrics.sum(family, { [label]: name });
}

/** Returns the balances within one relay. @param name - of the relay */
export function relayBalances(name: string, metrics: MetricsText): Balance[] {
  const counters = (names: readonly CounterName[]) =>
    Object.fromEntries(
      names.map((each) => [each, planeCounter(metrics, each)]).filter(([, value]) => value !== 0),
    );
  const legs = (event: string) => metrics.sum('turnpike_relay_leg_events_total', { event });
  const messages = (kind: string) => metrics.sum('turnpike_relay_client_messages_total', { kind });
  const closed = metrics.entries('turnpike_relay_leg_events_total', 'event', /^closed_/);
  return [
    {
      name: `${name}: datagrams received = forwarded + handed up + answered + dropped by reason`,
      in: counters(['client_rx_packets', 'trunk_rx_packets']),
      out: counters([...PASSED, ...DROPPED]),
    },
    {
      name: `${name}: handed up of peers = requests + indications + malformed`,
      in: counters(['client_punted']),
      out: {
        requests: messages('requests'),
        indications: messages('indications'),
        malformed: messages('malformed'),
      },
    },
    {
      name: `${name}: legs allocated = ended + living`,
      in: { allocated: legs('allocated') },
      out: { ended: legs('ended'), living: metrics.sum('turnpike_relay_legs') },
    },
    {
      name: `${name}: connections established = closed by reason + living`,
      in: { established: legs('established') },
      out: { ...closed, living: metrics.sum('turnpike_relay_trunk_connections') },
    },
  ];
}

/**
 * Returns the balance of the records that one relay has sent to the other. Missing records are
 * accepted if the kernel has dropped datagrams.
 */
export function trunkBalance(from: MetricsText, to: MetricsText, name: string): Balance {
  const lost = (['receive_dropped', 'send_blocked', 'send_errors'] as const).reduce(
    (sum, counter) => sum + planeCounter(from, counter) + planeCounter(to, counter),
    0,
  );
  const sent = planeCounter(from, 'client_to_trunk');
  const came = {
    trunk_to_client: planeCounter(to, 'trunk_to_client'),
    trunk_unbound: planeCounter(to, 'trunk_unbound'),
    trunk_expired: planeCounter(to, 'trunk_expired'),
  };
  // The kernel counts dropped datagrams, not the records in them.
  const missing = sent - totalOf(came);
  const explained = lost > 0 && missing > 0 ? { dropped_by_the_system: missing } : {};
  return {
    name: `${name}: records sent on the trunk = records that came`,
    in: { client_to_trunk: sent },
    out: { ...came, ...explained },
  };
}

/** Returns the balances within a directory. */
export function directoryBalances(metrics: MetricsText): Balance[] {
  const route = '/v1/connections';
  const requests = (status: string) =>
    metrics.sum('turnpike_directory_requests_total', { route, status });
  const created = { result: 'created' };
  const answered = metrics.sum('turnpike_directory_requests_total');
  return [
    {
      name: 'directory: connections created = requests answered 201',
      in: { created: metrics.sum('turnpike_directory_connections_total', created) },
      out: { 'status 201': requests('201') },
    },
    {
      name: 'directory: requests timed = requests answered',
      in: { timed: metrics.sum('turnpike_directory_request_duration_seconds_count') },
      out: { answered },
    },
  ];
}
