import { forwardingMetrics } from './forwarding-metrics.js';
import { type Metrics, RELAY_IDS, WAIT_SECONDS, WORK_SECONDS } from './metric.js';

/** Metrics of a relay. */
export const RELAY_METRICS = {
  turnpike_relay_legs: {
    kind: 'gauge',
    unit: 'count',
    help: 'Legs that exist. A connection within one relay has two.',
  },
  turnpike_relay_legs_limit: {
    kind: 'gauge',
    unit: 'count',
    help: 'Maximum number of legs.',
  },
  turnpike_relay_leg_events_total: {
    kind: 'counter',
    unit: 'count',
    help:
      'Events of legs. The difference of `allocated` and `ended` is turnpike_relay_legs; the ' +
      'others count how connections were established and closed.',
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
      "Time from a peer's first Connect to the success response that the connection is " +
      'established. It includes the wait for the other peer.',
    labels: { peer_relay: ['self', 'other'] },
    buckets: [...WAIT_SECONDS, 30],
  },
  turnpike_relay_offer_duration_seconds: {
    kind: 'histogram',
    unit: 'seconds',
    help:
      'Time from the last transmission of an offer to its acceptance by the other relay: one ' +
      'round trip if the other peer has sent its Connect before.',
    buckets: WAIT_SECONDS,
  },
  turnpike_relay_batch_duration_seconds: {
    kind: 'histogram',
    unit: 'seconds',
    help:
      'Time to handle one batch of messages and events of the data plane. It blocks the event ' +
      'loop.',
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
      'request has replaced them (`outdated`).',
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
      'Requests of authenticated peers that were refused, by STUN code and reason. Each gets an ' +
      'error response, except a renewal while the data plane has no room (`data-plane-full`).',
    labels: {
      code: { bound: 'STUN error codes' },
      reason: { bound: 'reasons of refusals, about 20' },
    },
  },
  turnpike_relay_authentication_failures_total: {
    kind: 'counter',
    unit: 'count',
    help:
      'Requests that were not authenticated. The first request of every peer counts as ' +
      '`no-integrity`.',
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
    help: 'Log lines that were left out because of their rate limit.',
    labels: {
      event: [
        'leg-ended',
        'refused',
        'not-authenticated',
        'dropped',
        'trunk-dropped',
        'allocation-ended',
        'allocation-moved',
        'authenticate-failed',
      ],
    },
  },
  turnpike_relay_registration_state: {
    kind: 'gauge',
    unit: 'boolean',
    help:
      '1 for the state of the registration with the directory, 0 for the others. A relay without ' +
      'a directory has the state `none`.',
    labels: { state: ['none', 'registering', 'registered', 'superseded', 'stopped'] },
  },
  turnpike_relay_directory_reachable: {
    kind: 'gauge',
    unit: 'boolean',
    help: '1 if the directory has answered the last request.',
  },
  turnpike_relay_directory_request_duration_seconds: {
    kind: 'histogram',
    unit: 'seconds',
    help: 'Time from a request to the directory to its signed answer, or to the failure.',
    labels: {
      request: ['register', 'beat', 'registry', 'deregister'],
      result: ['answered', 'failed'],
    },
    buckets: WAIT_SECONDS,
  },
  turnpike_relay_draining: {
    kind: 'gauge',
    unit: 'boolean',
    help: '1 while the relay accepts no new peers.',
  },
  turnpike_relay_trunk_reachable: {
    kind: 'gauge',
    unit: 'boolean',
    help:
      '1 if `relay` is reachable, 0 if no path to it answers. Absent if the two relays have no ' +
      'address family in common.',
    labels: { relay: RELAY_IDS },
  },
  turnpike_relay_trunk_rtt_seconds: {
    kind: 'gauge',
    unit: 'seconds',
    help: 'Median of the last round trips on the path in use. Absent before the first.',
    labels: { relay: RELAY_IDS },
  },
  turnpike_relay_measuring_role: {
    kind: 'gauge',
    unit: 'boolean',
    help: '1 for what the directory appoints this relay to measure of other regions, else 0.',
    labels: { role: ['prober', 'standby', 'none'] },
  },
  turnpike_relay_region_rtt_seconds: {
    kind: 'gauge',
    unit: 'seconds',
    help:
      'Median of the last round trips to the relay of each other region that a prober or a ' +
      'standby measures.',
    labels: { region: { bound: 'other regions of the registry, at most one for each relay' } },
  },
  turnpike_relay_client_networks: {
    kind: 'gauge',
    unit: 'count',
    help: 'Networks of clients with round trips that wait to be reported, at most 4,096.',
  },
  turnpike_relay_trunk_probe_rtt_seconds: {
    kind: 'histogram',
    unit: 'seconds',
    help: 'Round-trip times of probes on all paths to all relays.',
    buckets: WAIT_SECONDS,
  },
  turnpike_relay_trunk_mtu_bytes: {
    kind: 'gauge',
    unit: 'bytes',
    help: 'Maximum UDP payload of the path in use. Absent before it is measured.',
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
    help: 'Connections that use the trunk to `relay`.',
    labels: { relay: RELAY_IDS },
  },
  turnpike_relay_trunk_drops_total: {
    kind: 'counter',
    unit: 'count',
    help:
      'Control datagrams of relays that were dropped. `trunk_control_other_start`, ' +
      '`trunk_control_repeated` and `trunk_control_uncounted` count replays of recorded ' +
      'datagrams. The restart of a relay, or a network that duplicates datagrams, causes a few.',
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
  turnpike_relay_trunk_bind_refusals_total: {
    kind: 'counter',
    unit: 'count',
    help:
      'Requests of other relays to bind a peer of a TURN client here that this relay refused, by ' +
      'STUN code and reason. A few of `not-permitted` and `no-allocation` are usual: the clients ' +
      'of the two relays do not permit each other at the same time.',
    labels: {
      code: { bound: 'STUN error codes' },
      reason: [
        'no-turn',
        'no-allocation',
        'repeated',
        'address-not-own',
        'not-permitted',
        'no-room',
      ],
    },
  },
  turnpike_relay_trunk_bind_failures_total: {
    kind: 'counter',
    unit: 'count',
    help:
      'Requests of this relay to bind a peer of a TURN client at another relay that were ' +
      'refused, by STUN code, or failed otherwise, and bindings that the other relay ended ' +
      '(`closed`). Data to the peer goes as bare UDP then, until a later request succeeds.',
    labels: {
      reason: [
        'refused_403',
        'refused_437',
        'refused_438',
        'refused_508',
        'refused_otherwise',
        'unanswered',
        'not_stored',
        'closed',
      ],
    },
  },
  turnpike_relay_service_checks_total: {
    kind: 'counter',
    unit: 'count',
    help:
      "Checks of other relays' service addresses that the directory has assigned. A check counts " +
      'as unanswered after 5 s, or when a later one is answered.',
    labels: { event: ['asked', 'answered', 'unanswered'] },
  },
  turnpike_relay_service_check_duration_seconds: {
    kind: 'histogram',
    unit: 'seconds',
    help: 'Time from a check of a service address to its answer.',
    buckets: WAIT_SECONDS,
  },
  turnpike_relay_claim_challenges_total: {
    kind: 'counter',
    unit: 'count',
    help:
      'Challenges to prove that this relay is at its addresses. `refused` counts those of ' +
      'unknown relays and forged ones, `over` those above the bound.',
    labels: { event: ['answered', 'refused', 'over'] },
  },
  turnpike_relay_bounds_met_total: {
    kind: 'counter',
    unit: 'count',
    help: 'What the relay refused or dropped because a bound was reached, by bound.',
    labels: { bound: { bound: 'bounds of the relay: ARCHITECTURE.md' } },
  },
  turnpike_relay_faults_total: {
    kind: 'counter',
    unit: 'count',
    help: 'Messages and timers whose handling failed by an internal error. Please report any.',
  },
  ...forwardingMetrics('relay'),
} as const satisfies Metrics;
