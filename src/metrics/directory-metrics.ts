import { type Metrics, RELAY_IDS, WAIT_SECONDS, WORK_SECONDS } from './metric.js';

const TENANTS = { bound: 'tenants of the configured API keys' } as const;
const PROBLEMS = { bound: 'codes of problems: registration.md' } as const;
const ROUTES = {
  bound: 'routes of the OpenAPI document, and `none` for paths that are no route',
} as const;

/** What a directory shows. */
export const DIRECTORY_METRICS = {
  turnpike_directory_requests_total: {
    kind: 'counter',
    unit: 'count',
    help: 'HTTP requests answered.',
    labels: { route: ROUTES, status: { bound: 'HTTP statuses of the routes' } },
  },
  turnpike_directory_request_duration_seconds: {
    kind: 'histogram',
    unit: 'seconds',
    help: 'Time to answer an HTTP request.',
    labels: { route: ROUTES },
    buckets: WAIT_SECONDS,
  },
  turnpike_directory_request_wait_seconds: {
    kind: 'histogram',
    unit: 'seconds',
    help: 'How long a request waited for its turn: those of relays, and those with an API key.',
    labels: { queue: ['relays', 'tenants'] },
    buckets: WAIT_SECONDS,
  },
  turnpike_directory_selection_duration_seconds: {
    kind: 'histogram',
    unit: 'seconds',
    help: 'Time to choose the relays of a connection, with the snapshot that it reads.',
    buckets: WORK_SECONDS,
  },
  turnpike_directory_connections_total: {
    kind: 'counter',
    unit: 'count',
    help: 'Connections asked for, by tenant and result.',
    labels: { tenant: TENANTS, result: ['created', 'no-relay'] },
  },
  turnpike_directory_connections_unmade_total: {
    kind: 'counter',
    unit: 'count',
    help:
      'Connections that a peer of a room asked to have replaced before they were in use. Most ' +
      'often its relay does not answer it.',
  },
  turnpike_directory_relays: {
    kind: 'gauge',
    unit: 'count',
    help: 'Live relays, by whether they may be chosen.',
    labels: { state: ['ready', 'unreachable', 'unconfirmed', 'draining'] },
  },
  turnpike_directory_registry_versions_total: {
    kind: 'counter',
    unit: 'count',
    help: 'Versions of the registry that relays were told of.',
  },
  turnpike_directory_relay_beat_interval_seconds: {
    kind: 'histogram',
    unit: 'seconds',
    help:
      'Time between two beats of a relay, without what the directory itself stood still. A relay ' +
      'that is silent for 5 s expires.',
    buckets: [0.1, 0.25, 0.5, 1, 1.25, 1.5, 1.75, 2, 2.5, 3, 4, 5, 10],
  },
  turnpike_directory_relay_requests_waiting: {
    kind: 'gauge',
    unit: 'count',
    help: 'Requests of relays that wait for their turn.',
  },
  turnpike_directory_relay_unreached_by: {
    kind: 'gauge',
    unit: 'count',
    help:
      "Relays that say they do not reach this one's trunk, or any of its service addresses. " +
      'Absent while none says so.',
    labels: { relay: RELAY_IDS, kind: ['trunk', 'service'] },
  },
  turnpike_directory_doubts: {
    kind: 'gauge',
    unit: 'count',
    help: 'Relays and service addresses suspected or held unreachable now.',
    labels: { kind: ['trunk', 'service'], doubt: ['suspected', 'unreachable'] },
  },
  turnpike_directory_doubts_raised_total: {
    kind: 'counter',
    unit: 'count',
    help: 'How often a relay or service address came to be suspected or held unreachable.',
    labels: { doubt: ['suspected', 'unreachable'] },
  },
  turnpike_directory_claims_total: {
    kind: 'counter',
    unit: 'count',
    help:
      'Claims to addresses of other relays, by what became of them. Unchecked are those that ' +
      'nobody could be asked about.',
    labels: { result: ['proved', 'unproved', 'unchecked'] },
  },
  turnpike_directory_claim_duration_seconds: {
    kind: 'histogram',
    unit: 'seconds',
    help: 'From a claim that other relays look into to its decision.',
    labels: { result: ['proved', 'unproved'] },
    buckets: WAIT_SECONDS,
  },
  turnpike_directory_claims_contested: {
    kind: 'gauge',
    unit: 'count',
    help: 'Claims that other relays are looking into.',
  },
  turnpike_directory_pairs_apart: {
    kind: 'gauge',
    unit: 'count',
    help: 'Pairs of relays of which one says that it does not reach the other.',
  },
  turnpike_directory_verdicts_suspended: {
    kind: 'gauge',
    unit: 'boolean',
    help: '1 while verdicts are against every relay and count for nothing.',
  },
  turnpike_directory_relays_expired_total: {
    kind: 'counter',
    unit: 'count',
    help: 'Relays forgotten because they were silent.',
  },
  turnpike_directory_relay_requests_refused_total: {
    kind: 'counter',
    unit: 'count',
    help: 'Requests of relays refused, by the code of the problem.',
    labels: { code: PROBLEMS },
  },
  turnpike_directory_bounds_met_total: {
    kind: 'counter',
    unit: 'count',
    help: 'How often a bound of the directory was met: what was refused or closed there.',
    labels: { bound: { bound: 'bounds of the directory: ARCHITECTURE.md' } },
  },
  turnpike_directory_rendezvous_rooms: {
    kind: 'gauge',
    unit: 'count',
    help: 'Rendezvous rooms that exist.',
  },
  turnpike_directory_rendezvous_sockets: {
    kind: 'gauge',
    unit: 'count',
    help: 'WebSockets of peers that are open.',
  },
  turnpike_directory_rendezvous_errors_total: {
    kind: 'counter',
    unit: 'count',
    help: 'Errors sent to peers in rooms, by code.',
    labels: { code: { bound: 'codes of rendezvous errors: rendezvous.md' } },
  },
} as const satisfies Metrics;
