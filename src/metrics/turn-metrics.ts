import { forwardingMetrics } from './forwarding-metrics.js';
import { type Metrics, WORK_SECONDS } from './metric.js';

/** Metrics of allocations and their users: of a TURN server, and of a relay that serves TURN. */
export const ALLOCATION_METRICS = {
  turnpike_turn_allocations: {
    kind: 'gauge',
    unit: 'count',
    help: 'Allocations that exist.',
  },
  turnpike_turn_allocations_limit: {
    kind: 'gauge',
    unit: 'count',
    help: 'Maximum number of allocations.',
  },
  turnpike_turn_allocations_ended_total: {
    kind: 'counter',
    unit: 'count',
    help: 'Allocations that have ended, by reason.',
    labels: { reason: ['deleted', 'expired', 'socket-failed', 'user-removed', 'server-stopped'] },
  },
  turnpike_turn_requests_total: {
    kind: 'counter',
    unit: 'count',
    help:
      'Successful requests of authenticated clients. `retransmitted` counts responses that were ' +
      'sent again to a repeated request.',
    labels: {
      event: [
        'allocated',
        'refreshed',
        'permissions_created',
        'channels_bound',
        'bindings',
        'moved',
        'retransmitted',
      ],
    },
  },
  turnpike_turn_refusals_total: {
    kind: 'counter',
    unit: 'count',
    help: 'Requests of authenticated clients that were refused, by STUN code and reason.',
    labels: {
      code: { bound: 'STUN error codes' },
      reason: { bound: 'reasons of refusals: turn.md' },
    },
  },
  turnpike_turn_redirected_total: {
    kind: 'counter',
    unit: 'count',
    help:
      'Allocate requests without credentials that were answered 300 with another server, because ' +
      'this one drains or is full.',
  },
  turnpike_turn_ended_packets_total: {
    kind: 'counter',
    unit: 'count',
    help: 'Payloads that allocations had carried when they ended.',
    labels: { direction: ['from_clients', 'to_clients'] },
  },
  turnpike_turn_ended_bytes_total: {
    kind: 'counter',
    unit: 'bytes',
    help: 'Bytes of payload, without headers, that allocations had carried when they ended.',
    labels: { direction: ['from_clients', 'to_clients'] },
  },
  turnpike_turn_steering: {
    kind: 'gauge',
    unit: 'boolean',
    help: '1 while each forwarding thread receives for all relayed ports by one socket.',
  },
  turnpike_turn_icmp_errors_total: {
    kind: 'counter',
    unit: 'count',
    help: 'ICMP errors of peers that clients were told.',
  },
  turnpike_turn_authenticate_calls_total: {
    kind: 'counter',
    unit: 'count',
    help:
      'Calls of `authenticate` that have ended, by result. `failed`: it threw, or returned ' +
      'something else than an answer. `outdated`: the user was ended by `endUser` meanwhile.',
    labels: { result: ['known', 'unknown', 'failed', 'timed_out', 'outdated'] },
  },
  turnpike_turn_authenticate_joined_total: {
    kind: 'counter',
    unit: 'count',
    help:
      'Requests that joined a call of `authenticate`: repeated ones, and others of the same user ' +
      'and source.',
  },
  turnpike_turn_authenticate_pending: {
    kind: 'gauge',
    unit: 'count',
    help: 'Calls of `authenticate` that are awaited.',
  },
} as const satisfies Metrics;

/** Metrics of a TURN server. */
export const TURN_METRICS = {
  ...ALLOCATION_METRICS,
  turnpike_turn_batch_duration_seconds: {
    kind: 'histogram',
    unit: 'seconds',
    help:
      'Time to handle one batch of messages and events of the data plane. It blocks the event ' +
      'loop.',
    buckets: WORK_SECONDS,
  },
  turnpike_turn_client_messages_total: {
    kind: 'counter',
    unit: 'count',
    help: 'STUN messages from clients that were handed to the control plane.',
    labels: { kind: ['requests', 'indications', 'malformed'] },
  },
  turnpike_turn_client_drops_total: {
    kind: 'counter',
    unit: 'count',
    help:
      'Requests of clients that got no response: a budget of their source was used up, or ' +
      'Binding is off (`binding_off`).',
    labels: {
      reason: [
        'over_binding_budget',
        'over_challenge_budget',
        'over_wrong_credential_budget',
        'binding_off',
      ],
    },
  },
  turnpike_turn_client_challenges_total: {
    kind: 'counter',
    unit: 'count',
    help: 'Responses to requests that were not authenticated: 401, 438, and 400.',
  },
  turnpike_turn_authentication_failures_total: {
    kind: 'counter',
    unit: 'count',
    help:
      'Requests that were not authenticated. The first request of every client counts as ' +
      '`no-integrity`.',
    labels: { reason: { bound: 'reasons of failures, about 10' } },
  },
  turnpike_turn_log_lines_omitted_total: {
    kind: 'counter',
    unit: 'count',
    help: 'Log lines that were left out because of their rate limit.',
    labels: {
      event: [
        'authenticate-failed',
        'allocation-ended',
        'allocation-moved',
        'refused',
        'not-authenticated',
        'dropped',
      ],
    },
  },
  turnpike_turn_draining: {
    kind: 'gauge',
    unit: 'boolean',
    help: '1 while the server accepts no new allocations.',
  },
  turnpike_turn_bounds_met_total: {
    kind: 'counter',
    unit: 'count',
    help: 'What the server refused or dropped because a bound was reached, by bound.',
    labels: { bound: { bound: 'bounds of the TURN server: turn.md' } },
  },
  turnpike_turn_faults_total: {
    kind: 'counter',
    unit: 'count',
    help: 'Messages and timers whose handling failed by an internal error. Please report any.',
  },
  ...forwardingMetrics('turn'),
} as const satisfies Metrics;
