import { type Metrics, WAIT_SECONDS } from './metric.js';

/** What a relay and a directory both show. */
export const COMMON_METRICS = {
  turnpike_build_info: {
    kind: 'gauge',
    unit: 'info',
    help: 'Which program this is, and its version.',
    labels: {
      program: ['relay', 'directory'],
      version: { bound: 'one: that of the package' },
    },
  },
  turnpike_event_loop_lag_seconds: {
    kind: 'histogram',
    unit: 'seconds',
    help:
      'How much later than due a timer of the process runs, looked at every 100 ms: how long ' +
      'messages and requests may wait for the event loop. Services in one process share it.',
    buckets: WAIT_SECONDS,
  },
} as const satisfies Metrics;
