import { type Metrics, RELAY_IDS, WAIT_SECONDS, WORK_SECONDS } from './metric.js';

const COUNTER_NAMES = { bound: 'names of counters: data-plane.md' } as const;

/** What a relay shows. */
export const RELAY_METRICS = {
  turnpike_relay_legs: {
    kind: 'gauge',
    unit: 'count',
    help: 'Legs held now. A connection within one relay has two.',
  },
  turnpike_relay_legs_limit: {
    kind: 'gauge',
    unit: 'count',
    help: 'Legs that can be held.',
  },
  turnpike_relay_leg_events_total: {
    kind: 'counter',
    unit: 'count',
    help:
      'Legs by what became of them. The difference of allocated and ended is ' +
      'turnpike_relay_legs; the others say how connections began and ended.',
    labels: {
      event: [
        'allocated',
        'ended',
        'established',
        'closed_by_peer',
        'closed_by_other_side',
        'closed_expired',
        'closed_relay_gone',
        'closed_draining',
        'closed_silent',
        'closed_other_silent',
        'not_established',
        'mismatched',
      ],
    },
  },
  turnpike_relay_connect_duration_seconds: {
    kind: 'histogram',
    unit: 'seconds',
    help:
      "From a peer's first Connect to the success response of a connection that is established. " +
      'It contains the wait for the other peer.',
    labels: { peer_relay: ['self', 'other'] },
    buckets: [...WAIT_SECONDS, 30],
  },
  turnpike_relay_offer_duration_seconds: {
    kind: 'histogram',
    unit: 'seconds',
    help:
      'From the last sending of an offer to its acceptance by the other relay: a round trip ' +
      'where the other peer has sent its Connect before.',
    buckets: WAIT_SECONDS,
  },
  turnpike_relay_batch_duration_seconds: {
    kind: 'histogram',
    unit: 'seconds',
    help:
      'Time to handle the messages and events that the data plane handed up at once. Nothing ' +
      'else has the event loop meanwhile.',
    buckets: WORK_SECONDS,
  },
  turnpike_relay_client_messages_total: {
    kind: 'counter',
    unit: 'count',
    help: 'STUN messages from peers that were handed to the control plane.',
    labels: { kind: ['requests', 'indications', 'malformed'] },
  },
  turnpike_relay_client_drops_total: {
    kind: 'counter',
    unit: 'count',
    help:
      'Requests of peers that got no response: a budget of their source was used up, or a later ' +
      'request has replaced them (outdated).',
    labels: {
      reason: [
        'over_binding_budget',
        'over_challenge_budget',
        'over_wrong_credential_budget',
        'outdated',
      ],
    },
  },
  turnpike_relay_client_challenges_total: {
    kind: 'counter',
    unit: 'count',
    help: 'Responses to requests that were not authenticated: 401, 438, and 400.',
  },
  turnpike_relay_refusals_total: {
    kind: 'counter',
    unit: 'count',
    help:
      'Requests of authenticated peers that are refused, by STUN code and reason. Each gets an ' +
      'error response, except a renewal while the data plane has no room (`data-plane-full`).',
    labels: {
      code: { bound: 'STUN error codes' },
      reason: { bound: 'reasons that the code knows, about 20' },
    },
  },
  turnpike_relay_authentication_failures_total: {
    kind: 'counter',
    unit: 'count',
    help: 'Requests that were not authenticated. The first of every peer has no-integrity.',
    labels: {
      reason: [
        'no-integrity',
        'attribute-missing',
        'bid-down',
        'forged-nonce',
        'wrong-realm',
        'unknown-user',
        'wrong-integrity',
        'stale-nonce',
        'not-tried',
        'earlier-nonce',
        'expired',
      ],
    },
  },
  turnpike_relay_log_lines_omitted_total: {
    kind: 'counter',
    unit: 'count',
    help: 'Lines that the log left out because there were too many.',
    labels: { event: ['leg-ended', 'refused', 'not-authenticated', 'dropped', 'trunk-dropped'] },
  },
  turnpike_relay_registration_state: {
    kind: 'gauge',
    unit: 'boolean',
    help:
      '1 at the state of the registration with the directory, 0 at the others. A relay that has ' +
      'no directory is at none.',
    labels: { state: ['none', 'registering', 'registered', 'superseded', 'stopped'] },
  },
  turnpike_relay_directory_reachable: {
    kind: 'gauge',
    unit: 'boolean',
    help: '1 where the directory has answered the last request.',
  },
  turnpike_relay_directory_request_duration_seconds: {
    kind: 'histogram',
    unit: 'seconds',
    help: 'From a request to the directory to its signed answer, or to the end without one.',
    labels: {
      request: ['register', 'beat', 'registry', 'deregister'],
      result: ['answered', 'failed'],
    },
    buckets: WAIT_SECONDS,
  },
  turnpike_relay_draining: {
    kind: 'gauge',
    unit: 'boolean',
    help: '1 while no new peers are taken.',
  },
  turnpike_relay_trunk_reachable: {
    kind: 'gauge',
    unit: 'boolean',
    help:
      '1 where the relay can be reached, 0 where no path to it answers. Absent where the two ' +
      'have no address family in common.',
    labels: { relay: RELAY_IDS },
  },
  turnpike_relay_trunk_rtt_seconds: {
    kind: 'gauge',
    unit: 'seconds',
    help: 'Median of the last round trips on the path in use. Absent while none is measured.',
    labels: { relay: RELAY_IDS },
  },
  turnpike_relay_trunk_probe_rtt_seconds: {
    kind: 'histogram',
    unit: 'seconds',
    help: 'Round trips of probes, of all relays and paths.',
    buckets: WAIT_SECONDS,
  },
  turnpike_relay_trunk_mtu_bytes: {
    kind: 'gauge',
    unit: 'bytes',
    help: 'UDP payload that passes the path in use. Absent before it is known.',
    labels: { relay: RELAY_IDS },
  },
  turnpike_relay_trunk_path_switches_total: {
    kind: 'counter',
    unit: 'count',
    help: 'Changes of the path in use.',
    labels: { relay: RELAY_IDS },
  },
  turnpike_relay_trunk_connections: {
    kind: 'gauge',
    unit: 'count',
    help: 'Connections shared with the relay.',
    labels: { relay: RELAY_IDS },
  },
  turnpike_relay_trunk_drops_total: {
    kind: 'counter',
    unit: 'count',
    help:
      'Control datagrams of relays that were dropped. trunk_control_other_start, ' +
      'trunk_control_repeated and trunk_control_uncounted count recordings that somebody sends ' +
      'again; a few come from the restart of a relay, or from a network that doubles datagrams.',
    labels: {
      reason: [
        'trunk_control_malformed',
        'trunk_control_unknown_relay',
        'trunk_control_wrong_source',
        'trunk_control_bad_integrity',
        'trunk_control_old_start',
        'trunk_control_other_start',
        'trunk_control_uncounted',
        'trunk_control_repeated',
        'trunk_control_too_old',
        'offer_table_full',
      ],
    },
  },
  turnpike_relay_service_checks_total: {
    kind: 'counter',
    unit: 'count',
    help:
      "Checks of other relays' service addresses, as the directory appoints them. A check is " +
      'unanswered after 5 s, or when a later one is answered.',
    labels: { event: ['asked', 'answered', 'unanswered'] },
  },
  turnpike_relay_service_check_duration_seconds: {
    kind: 'histogram',
    unit: 'seconds',
    help: 'From a check of a service address to its answer.',
    buckets: WAIT_SECONDS,
  },
  turnpike_relay_claim_challenges_total: {
    kind: 'counter',
    unit: 'count',
    help:
      'Challenges to prove that this relay is at its addresses. Refused are those of unknown ' +
      'relays and forged ones; over are those above the bound.',
    labels: { event: ['answered', 'refused', 'over'] },
  },
  turnpike_relay_bounds_met_total: {
    kind: 'counter',
    unit: 'count',
    help: 'How often a bound of the relay was met: what was refused or dropped there.',
    labels: { bound: { bound: 'bounds of the relay: ARCHITECTURE.md' } },
  },
  turnpike_relay_faults_total: {
    kind: 'counter',
    unit: 'count',
    help: 'Messages and timers that met an internal error. Anything but 0 is worth a report.',
  },
  turnpike_relay_workers: {
    kind: 'gauge',
    unit: 'count',
    help: 'Forwarding threads.',
  },
  turnpike_relay_xdp_mode: {
    kind: 'gauge',
    unit: 'boolean',
    help: '1 at how XDP runs, 0 at the others.',
    labels: { mode: ['off', 'native', 'generic'] },
  },
  turnpike_relay_xdp_devices: {
    kind: 'gauge',
    unit: 'count',
    help: 'Network devices that have the XDP program now.',
  },
  turnpike_relay_xdp_left_out: {
    kind: 'gauge',
    unit: 'count',
    help: 'Sockets and devices that XDP leaves out, by the kind of what keeps packets from it.',
    labels: { reason: { bound: 'kinds of findings: xdp.md' } },
  },
  turnpike_relay_data_plane_datagrams_total: {
    kind: 'counter',
    unit: 'count',
    help: 'Counters of datagrams of the data plane, but for drops.',
    labels: { name: COUNTER_NAMES },
  },
  turnpike_relay_data_plane_records_total: {
    kind: 'counter',
    unit: 'count',
    help: 'Counters of records of the data plane, but for drops. A record is a payload of a peer.',
    labels: { name: COUNTER_NAMES },
  },
  turnpike_relay_data_plane_bytes_total: {
    kind: 'counter',
    unit: 'bytes',
    help: 'Counters of bytes of UDP payload of the data plane.',
    labels: { name: COUNTER_NAMES },
  },
  turnpike_relay_data_plane_operations_total: {
    kind: 'counter',
    unit: 'count',
    help: 'Counters of system calls, commands and events of the data plane.',
    labels: { name: COUNTER_NAMES },
  },
  turnpike_relay_data_plane_dropped_datagrams_total: {
    kind: 'counter',
    unit: 'count',
    help: 'Datagrams that the data plane or the kernel dropped. The sum is all of them.',
    labels: { reason: COUNTER_NAMES },
  },
  turnpike_relay_data_plane_dropped_records_total: {
    kind: 'counter',
    unit: 'count',
    help: 'Records that the data plane dropped. The sum is all of them.',
    labels: { reason: COUNTER_NAMES },
  },
} as const satisfies Metrics;
