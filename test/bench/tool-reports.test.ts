import t from 'tap';
import {
  countsTogether,
  generatorsTogether,
  sinksTogether,
} from '../../bench/load/tool-reports.js';

t.test('the idle time of two generators on one CPU is what neither uses', async (t) => {
  const one = {
    sent: 100,
    refused: 1,
    skipped: 2,
    chunks: 10,
    lateChunks: 3,
    latestNs: 500,
    elapsedNs: 1_000,
    idleNs: 700,
    cpuNs: 900,
  };
  const both = generatorsTogether([one, { ...one, latestNs: 600, elapsedNs: 1_100 }]);
  t.strictSame(both, {
    sent: 200,
    refused: 2,
    skipped: 4,
    chunks: 20,
    lateChunks: 6,
    latestNs: 600,
    elapsedNs: 1_100,
    idleNs: 400,
    cpuNs: 1_800,
  });
  t.strictSame(generatorsTogether([one]), one, 'one generator is unchanged');
  const busy = { ...one, idleNs: 100 };
  t.equal(generatorsTogether([busy, busy]).idleNs, 0, 'not below 0');
});

t.test('the latency of two sinks is the worse one', async (t) => {
  const one = {
    datagrams: 5,
    payloads: 50,
    duplicates: 1,
    reordered: 2,
    damaged: 3,
    malformed: 4,
    latency: { count: 5, p50Ns: 10, p99Ns: 20, p999Ns: 30, maxNs: 40 },
  };
  const other = { ...one, latency: { count: 6, p50Ns: 11, p99Ns: 19, p999Ns: 31, maxNs: 39 } };
  t.strictSame(sinksTogether([one, other]), {
    datagrams: 10,
    payloads: 100,
    duplicates: 2,
    reordered: 4,
    damaged: 6,
    malformed: 8,
    latency: { count: 11, p50Ns: 11, p99Ns: 20, p999Ns: 31, maxNs: 40 },
  });
});

t.test('the counts of two counters are added', async (t) => {
  const one = { packets: 1, datagrams: 2, payloadBytes: 3, sampled: 4 };
  const both = { packets: 2, datagrams: 4, payloadBytes: 6, sampled: 8 };
  t.strictSame(countsTogether([one, one]), both);
});
