import { NamespaceScene } from '../../bench/load/namespace-scene.js';
import type { CpuPlan } from '../../bench/load/scene.js';
import { type KeptTest, keepOnFailure } from '../lab/keep-on-failure.js';

/**
 * Creates a scene; the end of the test closes it. If the test fails, the output of its programs and
 * the state of its namespaces are kept.
 * @param t - the test
 * @param servers - number of servers in a row between the near and the far host
 */
export async function keptScene(
  t: KeptTest,
  cpus: CpuPlan,
  servers: number,
): Promise<NamespaceScene> {
  const scene = await NamespaceScene.create(cpus, servers);
  t.teardown(() => scene.close());
  keepOnFailure(t, scene.evidence);
  return scene;
}
