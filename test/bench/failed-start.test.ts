import t, { type Test } from 'tap';
import { buildTools } from '../../bench/load/build-tools.js';
import { catalogue } from '../../bench/load/catalogue.js';
import { hasBpfTools } from '../../bench/load/far-counter.js';
import { NamespaceScene } from '../../bench/load/namespace-scene.js';
import type { Place, Scene } from '../../bench/load/scene.js';
import { startInSteps } from '../../bench/load/start-in-steps.js';
import { WORKLOADS } from '../../bench/load/workloads.js';
import { labSupport } from '../../src/lab/index.js';
import { findCommand } from '../setup/system-packages.js';

t.setTimeout(180_000);

const support = labSupport();
const skip = findCommand('cmake') === undefined ? 'needs cmake' : !support.ok && support.why;
if (skip === false) buildTools();
const skipXdp = skip || (!hasBpfTools() && 'needs clang and libbpf');
const cpus = { server: 0, generator: 0 };
const contestants = catalogue({ variants: [] });

/** The same scene where a tool, or the nth program that is started, fails. */
function failing(scene: Scene, fault: { readonly tool?: string; readonly spawn?: number }): Scene {
  let spawned = 0;
  return {
    kind: scene.kind,
    cpus: scene.cpus,
    near: scene.near,
    servers: scene.servers,
    far: scene.far,
    nearNetwork: scene.nearNetwork,
    farNetwork: scene.farNetwork,
    run: (place, argv) =>
      scene.run(place, argv[0] === fault.tool ? ['sh', '-c', 'echo refused >&2; exit 1'] : argv),
    spawn: (place, cpu, argv) =>
      scene.spawn(place, cpu, ++spawned === fault.spawn ? ['false'] : argv),
    close: () => scene.close(),
  };
}

/** All that a contestant may have changed: a text for each device of the scene. */
async function stateOf(scene: Scene): Promise<string[]> {
  const places = [scene.near, ...scene.servers.flatMap(({ near, far }) => [near, far]), scene.far];
  const script = (device: string) =>
    `ip -d link show ${device} | grep -ow 'xdp.*'; cat /sys/class/net/${device}/threaded; ` +
    `ethtool -k ${device}; sysctl net.ipv4.ip_forward; ss -Hlunp`;
  return Promise.all(
    places.map((place: Place) => scene.run(place, ['sh', '-c', script(place.device)])),
  );
}

async function checkLeavesNothing(test: Test, scene: Scene, broken: Scene, name: string) {
  const contestant = contestants.find((one) => one.name === name);
  const leg = scene.servers.length === 1 ? 'client-trunk' : 'two-relays';
  const workload = WORKLOADS.find((one) => one.leg === leg);
  if (contestant === undefined || workload === undefined) throw new Error(`no ${name}`);
  const few = { ...workload, flows: 10 };
  const before = await stateOf(scene);
  await test.rejects(contestant.start(broken, few), name);
  test.strictSame(await stateOf(scene), before, `${name} left nothing`);
  const running = await contestant.start(scene, few);
  test.strictNotSame(await stateOf(scene), before, `${name} changes something when it comes up`);
  await running.stop();
  test.strictSame(await stateOf(scene), before, `${name} was stopped and left nothing`);
}

t.test('a start that fails leaves nothing behind', { skip: skipXdp }, async (t) => {
  const scene = await NamespaceScene.create(cpus, 1);
  t.teardown(() => scene.close());
  // The last step of all three: the kernel's thread is pinned.
  const broken = failing(scene, { tool: 'taskset' });
  for (const name of ['xdp-redirect', 'kernel-forwarding', 'turnpike-xdp']) {
    await checkLeavesNothing(t, scene, broken, name);
  }
});

t.test('nor does a pair of which the second fails', { skip: skipXdp }, async (t) => {
  const scene = await NamespaceScene.create(cpus, 2);
  t.teardown(() => scene.close());
  for (const name of ['reflector', 'turnpike-xdp']) {
    await checkLeavesNothing(t, scene, failing(scene, { spawn: 2 }), name);
  }
  await checkLeavesNothing(t, scene, failing(scene, { tool: 'chrt' }), 'turnpike-xdp');
});

t.test('steps are undone from the last to the first, though one cannot be', async (t) => {
  const undone: number[] = [];
  const start = startInSteps(async (onStop) => {
    onStop(async () => undone.push(1));
    onStop(async () => {
      throw new Error('it is stuck');
    });
    onStop(async () => undone.push(3));
    throw new Error('the fourth step failed');
  });
  await t.rejects(start, { message: 'the fourth step failed; it was not undone: it is stuck' });
  t.strictSame(undone, [3, 1]);
});
