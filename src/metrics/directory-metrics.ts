import { type Metrics, RELAY_IDS, WAIT_SECONDS, WORK_SECONDS } from './metric.js';

const TENANTS = { bound: 'tenants of the configured API keys' } as const;
const PROBLEMS = { bound: 'codes of problems: registration.md' } as const;
const ROUTES = {
  bound: 'routes of the OpenAPI document, and `none` for other paths',
} as const;

/** Metrics of a directory. */
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
    help: 'Time that a request waited in a queue: of relays, or of tenants with an API key.',
    labels: { queue: ['relays', 'tenants'] },
    buckets: WAIT_SECONDS,
  },
  turnpike_directory_selection_duration_seconds: {
    kind: 'histogram',
    unit: 'seconds',
    help: 'Time to choose the relays of a connection, including the snapshot that it reads.',
    buckets: WORK_SECONDS,
  },
  turnpike_directory_connections_total: {
    kind: 'counter',
    unit: 'count',
    help: 'Requests for a connection, by tenant and result.',
    labels: { tenant: TENANTS, result: ['created', 'no-relay'] },
  },
  turnpike_directory_ice_servers_total: {
    kind: 'counter',
    unit: 'count',
    help: 'Requests for TURN servers and a credential, by tenant and result.',
    labels: { tenant: TENANTS, result: ['created', 'no-relay'] },
  },
  turnpike_directory_connections_unmade_total: {
    kind: 'counter',
    unit: 'count',
    help:
      'Connections that a peer in a room asked to replace before it used them, in most cases ' +
      'because its relay does not answer it.',
  },
  turnpike_directory_relays: {
    kind: 'gauge',
    unit: 'count',
    help: 'Live relays. Only those in the state `ready` are chosen for connections.',
    labels: { state: ['ready', 'unreachable', 'unconfirmed', 'draining'] },
  },
  turnpike_directory_registry_versions_total: {
    kind: 'counter',
    unit: 'count',
    help: 'Versions of the registry made for relays.',
  },
  turnpike_directory_relay_beat_interval_seconds: {
    kind: 'histogram',
    unit: 'seconds',
    help:
      'Time between two beats of a relay, less the time for which the directory itself did not ' +
      'run. A relay that is silent for 5 s expires.',
    buckets: [0.1, 0.25, 0.5, 1, 1.25, 1.5, 1.75, 2, 2.5, 3, 4, 5, 10],
  },
  turnpike_directory_relay_requests_waiting: {
    kind: 'gauge',
    unit: 'count',
    help: 'Requests of relays that wait in the queue.',
  },
  turnpike_directory_measurements_total: {
    kind: 'counter',
    unit: 'count',
    help:
      'Measurements in beats of relays: of trunks to other relays, and of legs of access ' +
      'networks. `malformed` ones, those beyond 128 of a kind in one beat (`excess`), those of ' +
      'relays that are not registered (`unknown-relay`) and those to or from a region beyond the ' +
      'maximum (`no-region`) are ignored.',
    labels: {
      kind: ['trunk', 'leg'],
      result: ['taken', 'malformed', 'excess', 'unknown-relay', 'no-region'],
    },
  },
  turnpike_directory_access_clusters: {
    kind: 'gauge',
    unit: 'count',
    help: 'Sets of networks of peers with estimates of their legs, at most 4,096.',
  },
  turnpike_directory_relay_unreached_by: {
    kind: 'gauge',
    unit: 'count',
    help:
      'Relays that report that they do not reach the trunk of `relay`, or one of its service ' +
      'addresses: the highest number of one address. Absent without such reports.',
    labels: { relay: RELAY_IDS, kind: ['trunk', 'service'] },
  },
  turnpike_directory_doubts: {
    kind: 'gauge',
    unit: 'count',
    help: 'Trunks and service addresses that are suspected, or judged unreachable.',
    labels: { kind: ['trunk', 'service'], doubt: ['suspected', 'unreachable'] },
  },
  turnpike_directory_doubts_raised_total: {
    kind: 'counter',
    unit: 'count',
    help: 'Trunks and service addresses that became suspected, or were judged unreachable.',
    labels: { doubt: ['suspected', 'unreachable'] },
  },
  turnpike_directory_claims_total: {
    kind: 'counter',
    unit: 'count',
    help:
      'Claims to addresses of other relays, by result. `unchecked` are claims that too few ' +
      'relays could check.',
    labels: { result: ['proved', 'unproved', 'unchecked'] },
  },
  turnpike_directory_claim_duration_seconds: {
    kind: 'histogram',
    unit: 'seconds',
    help: 'Time from a claim that other relays check to its decision.',
    labels: { result: ['proved', 'unproved'] },
    buckets: WAIT_SECONDS,
  },
  turnpike_directory_claims_contested: {
    kind: 'gauge',
    unit: 'count',
    help: 'Claims that other relays are checking.',
  },
  turnpike_directory_pairs_apart: {
    kind: 'gauge',
    unit: 'count',
    help: 'Pairs of relays of which one reports that it does not reach the other.',
  },
  turnpike_directory_verdicts_suspended: {
    kind: 'gauge',
    unit: 'boolean',
    help: '1 while every relay is judged unreachable, and the verdicts are ignored.',
  },
  turnpike_directory_relays_expired_total: {
    kind: 'counter',
    unit: 'count',
    help: 'Relays removed because they sent no beat.',
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
    help: 'What the directory refused or closed because a bound was reached, by bound.',
    labels: { bound: { bound: 'bounds of the directory: ARCHITECTURE.md' } },
  },
  turnpike_directory_rendezvous_rooms: {
    kind: 'gauge',
    unit: 'count',
    help: 'Open rendezvous rooms.',
  },
  turnpike_directory_rendezvous_sockets: {
    kind: 'gauge',
    unit: 'count',
    help: 'Open WebSockets of peers.',
  },
  turnpike_directory_rendezvous_errors_total: {
    kind: 'counter',
    unit: 'count',
    help: 'Errors sent to peers in rooms, by code.',
    labels: { code: { bound: 'codes of rendezvous errors: rendezvous.md' } },
  },
} as const satisfies Metrics;
