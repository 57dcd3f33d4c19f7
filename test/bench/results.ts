/** Results of the rig, for tests of reports. */
import type { BenchResult, ContestantResult, RoundResult } from '../../bench/load/result.js';
import type { StepResult } from '../../bench/load/step.js';
import type { Workload } from '../../bench/load/types.js';
import { WORKLOADS } from '../../bench/load/workloads.js';

/** Makes a step with a cost per packet. */
export function step(cpuNsPerPacket: number, more: Partial<StepResult> = {}): StepResult {
  const generator = {
    sent: 100_000,
    refused: 0,
    skipped: 0,
    chunks: 6_250,
    lateChunks: 0,
    latestNs: 0,
    elapsedNs: 1e9,
    idleNs: 5e8,
    cpuNs: 5e8,
  };
  return {
    askedPps: 0,
    offeredPps: 100_000,
    deliveredPps: 100_000,
    delivered: 100_000,
    loss: 0,
    cpuNsPerPacket,
    serverBusy: 1,
    generatorIdle: 0.5,
    generator,
    ...more,
  };
}

/** Makes a contestant with the results of its rounds. */
export function contestant(
  name: string,
  kind: ContestantResult['kind'],
  rounds: readonly RoundResult[],
): ContestantResult {
  return { name, title: `the <${name}>`, kind, rounds };
}

/** What a sink reports of packets that it accepted. */
export const SINK = {
  datagrams: 10,
  payloads: 10,
  duplicates: 0,
  reordered: 0,
  damaged: 0,
  malformed: 0,
  latency: { count: 10, p50Ns: 20_000, p99Ns: 90_000, p999Ns: 120_000, maxNs: 130_000 },
};

/** Makes a result with one workload. */
export function benchResult(scene: 'namespaces' | 'loopback'): BenchResult {
  const rounds = (...costs: number[]) =>
    costs.map((cost) => ({
      common: step(cost),
      own: step(cost),
      saturation: step(cost),
      latency: step(cost, { sink: SINK }),
    }));
  return {
    circumstances: {
      startedAt: '2026-11-22T12:00:00.000Z',
      command: 'npm run bench',
      scene,
      cpuModel: 'a CPU',
      cpus: 2,
      kernel: '6.18',
      node: 'v20',
      version: '1.0.0',
      commit: '0123456789ab-dirty',
      versions: [{ title: 'coturn', version: '4.6.1' }],
      serverCpu: 0,
      generatorCpu: 1,
      loadAverage: 0,
      rounds: 2,
      secondsPerStep: 1,
      notes: ['a note'],
    },
    omissions: [{ what: 'somebody', why: 'not installed' }],
    targets: [
      { title: 'a case', target: '≤ 0.60', measured: '0.55', met: true },
      { title: 'another', target: '≤ 0.25' },
    ],
    workloads: [
      {
        workload: WORKLOADS[0] as Workload,
        commonPps: 400_000,
        contestants: [
          {
            ...contestant('turnpike', 'turnpike', rounds(550, 590)),
            lossFreePps: 500_000,
          },
          contestant('reflector', 'floor', rounds(1_000, 1_000)),
        ],
      },
    ],
    setup: [],
    turnSetup: [],
    warnings: ['a doubt'],
  };
}
