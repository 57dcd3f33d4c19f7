import { NamespaceScene } from '../../bench/load/namespace-scene.js';
import type { CpuPlan } from '../../bench/load/scene.js';
import { type KeptTest, keepOnFailure } from '../lab/keep-on-failure.js';

/**
 * A scene that is closed when the test ends. Where the test fails, what its programs said and the
 * state of its networks are kept.
 * @param t - the test that uses it
 * @param servers - in a row between the near and the far host
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
