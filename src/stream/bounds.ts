/** What bounds a byte stream and its sealed channel. Times are in milliseconds. */
export const STREAM = {
  /** Segments that a receiver holds. */
  segmentsMax: 1_024,
  /** Bytes written and not yet sent, from which on no more should be written. */
  queueBytesMax: 262_144,
  /** Selective ranges in one Ack, and its longest delay. */
  ackRangesMax: 32,
  ackDelayMs: 10,
  /** First, shortest and longest wait before a probe. */
  probeMsFirst: 500,
  probeMsMin: 50,
  probeMsMax: 2_000,
  /** Congestion window in segments, at the start and at least. */
  congestionFirst: 10,
  congestionMin: 2,
  /** Sealed channel: a hello is repeated this often until it is answered. */
  helloIntervalMs: 250,
  /** Sealed channel: counters below the highest that are still accepted, once each. */
  replayWindow: 4_096,
} as const;
