import { type Metrics, WAIT_SECONDS } from './metric.js';

/** Metrics of every service. */
export const COMMON_METRICS = {
  turnpike_build_info: {
    kind: 'gauge',
    unit: 'info',
    help: 'The program and its version.',
    labels: {
      program: ['relay', 'directory', 'turn'],
      version: { bound: "the package's version" },
    },
  },
  turnpike_event_loop_lag_seconds: {
    kind: 'histogram',
    unit: 'seconds',
    help:
      'Delay of a timer that is due every 100 ms: how long messages and requests may wait for ' +
      'the event loop. Services in one process share it.',
    buckets: WAIT_SECONDS,
  },
} as const satisfies Metrics;
