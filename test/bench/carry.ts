/** Steps at a low rate, for tests of the whole rig. */
import type { Test } from 'tap';
import { catalogue } from '../../bench/load/catalogue.js';
import type { Scene } from '../../bench/load/scene.js';
import { runStep, type StepResult } from '../../bench/load/step.js';
import type { Workload } from '../../bench/load/types.js';
import { WORKLOADS } from '../../bench/load/workloads.js';

const GENTLE_PPS = 2_000;

/** Returns a workload of the catalogue with few flows, which are set up quickly. */
export function fewFlows(name: string, flowsMax = 100): Workload {
  const found = WORKLOADS.find((one) => one.name === name);
  if (found === undefined) throw new Error(`no workload ${name}`);
  return { ...found, flows: Math.min(found.flows, flowsMax) };
}

/**
 * Offers a low rate to a contestant; the sink checks every packet.
 * @param name - of a contestant without variant
 * @param seconds - default 1
 */
export async function carry(
  scene: Scene,
  workload: Workload,
  name: string,
  seconds = 1,
): Promise<StepResult> {
  const contestant = catalogue({ variants: [] }).find((each) => each.name === name);
  if (contestant === undefined) throw new Error(`no contestant ${name}`);
  await contestant.missing();
  const running = await contestant.start(scene, workload);
  try {
    return await runStep(scene, workload, running, { rate: GENTLE_PPS, seconds, sampleOneIn: 1 });
  } finally {
    await running.stop();
  }
}

/** Checks that every packet arrived undamaged. */
export function checkExact(test: Test, result: StepResult, what: string): void {
  const { generator, delivered, sink } = result;
  test.ok(generator.sent > 0, `${what}: packets are sent`);
  test.equal(delivered, generator.sent, `${what}: as many are counted as sent`);
  test.match(sink, { duplicates: 0, damaged: 0, malformed: 0 }, `${what}: none is damaged`);
}
