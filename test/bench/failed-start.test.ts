import t, { type Test } from 'tap';
import { hasBpfTools } from '../../bench/load/bpf-tools.js';
import { buildTools } from '../../bench/load/build-tools.js';
import { catalogue } from '../../bench/load/catalogue.js';
import { LoopbackScene } from '../../bench/load/loopback-scene.js';
import { WorkloadRun } from '../../bench/load/rounds.js';
import type { Place, Scene } from '../../bench/load/scene.js';
import { startInSteps } from '../../bench/load/start-in-steps.js';
import { runStep } from '../../bench/load/step.js';
import type { Contestant, Workload } from '../../bench/load/types.js';
import { WORKLOADS } from '../../bench/load/workloads.js';
import { labSupport } from '../../src/lab/index.js';
import { setPatience } from '../lab/keep-on-failure.js';
import { findCommand } from '../setup/system-packages.js';
import { keptScene } from './kept-scene.js';

setPatience(t, 180_000);

const support = labSupport();
const skip = findCommand('cmake') === undefined ? 'needs cmake' : !support.ok && support.why;
if (skip === false) buildTools();
const skipXdp = skip || (!hasBpfTools() && 'needs clang and libbpf');
const cpus = { server: 0, generator: 0 };
const contestants = catalogue({ variants: [] });

/** Wraps a scene so that a tool, or the nth program that is started, fails. */
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

/** Returns what a contestant may change, as a text for each device of the scene. */
async function stateOf(scene: Scene): Promise<string[]> {
  const places = [scene.near, ...scene.servers.flatMap(({ near, far }) => [near, far]), scene.far];
  const script = (device: string) =>
    `ip -d link show ${device} | grep -ow 'xdp.*'; cat /sys/class/net/${device}/threaded; ` +
    `ethtool -k ${device}; cat /proc/sys/net/ipv4/ip_forward; ss -Hlunp`;
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
  test.strictSame(await stateOf(scene), before, `${name}: unchanged after the failed start`);
  const running = await contestant.start(scene, few);
  test.strictNotSame(await stateOf(scene), before, `${name}: changed while it runs`);
  await running.stop();
  test.strictSame(await stateOf(scene), before, `${name}: unchanged after the stop`);
}

t.test('a failed start leaves the scene unchanged', { skip: skipXdp }, async (t) => {
  const scene = await keptScene(t, cpus, 1);
  // The last step of all three pins the kernel's thread.
  const broken = failing(scene, { tool: 'taskset' });
  for (const name of ['xdp-redirect', 'kernel-forwarding', 'turnpike-xdp']) {
    await checkLeavesNothing(t, scene, broken, name);
  }
});

t.test(
  'a failed start of the second relay leaves the scene unchanged',
  { skip: skipXdp },
  async (t) => {
    const scene = await keptScene(t, cpus, 2);
    for (const name of ['reflector', 'turnpike-xdp']) {
      await checkLeavesNothing(t, scene, failing(scene, { spawn: 2 }), name);
    }
    await checkLeavesNothing(t, scene, failing(scene, { tool: 'chrt' }), 'turnpike-xdp');
  },
);

/** Returns the programs of a step that still run in the scene. */
async function stepPrograms(scene: Scene): Promise<string[]> {
  const found = await scene.run(scene.far, ['sh', '-c', 'ss -Hlunp; nft list tables; true']);
  // Loopback has sockets of other programs too.
  const own = (line: string) => scene.kind === 'namespaces' || line.includes(scene.farNetwork);
  return found.split('\n').filter((line) => line !== '' && own(line));
}

t.test('a failed step leaves no sink, counter or generator', { skip }, async (t) => {
  const loopback = new LoopbackScene(cpus);
  t.teardown(() => loopback.close());
  const scenes = [await keptScene(t, cpus, 2), loopback];
  for (const scene of scenes) {
    const name = scene.kind === 'loopback' ? 'same-1000-1200B' : 'path-both-1000-100B';
    const workload = { ...(WORKLOADS.find((one) => one.name === name) as Workload), flows: 10 };
    const reflector = contestants.find((one) => one.name === 'reflector') as Contestant;
    const running = await reflector.start(scene, workload);
    t.teardown(() => running.stop());
    const before = await stepPrograms(scene);
    const options = { rate: 1_000, seconds: 0.2, sampleOneIn: 1 };
    // Counters, sinks and generators of both directions.
    const programs = scene.kind === 'loopback' ? 2 : hasBpfTools() ? 6 : 4;
    for (let spawn = 1; spawn <= programs; spawn++) {
      await t.rejects(runStep(failing(scene, { spawn }), workload, running, options), /ended/);
      t.strictSame(await stepPrograms(scene), before, `${scene.kind}: program ${spawn}`);
    }
    const { delivered } = await runStep(scene, workload, running, options);
    t.ok(delivered > 0, `${scene.kind}: the next step measures`);
  }
});

t.test(
  'a generator that fails omits its contestant, and the run continues',
  { skip },
  async (t) => {
    const scene = await keptScene(t, cpus, 1);
    const workload = { ...(WORKLOADS.find((one) => one.leg === 'client-trunk') as Workload) };
    const omitted: string[] = [];
    const two = contestants.filter(({ name }) => name.startsWith('reflector'));
    // The first program is the contestant; a counter, a sink and a generator follow.
    const broken = failing(scene, { spawn: hasBpfTools() ? 4 : 3 });
    const run = new WorkloadRun(broken, { ...workload, flows: 10 }, two, {
      effort: { rounds: 2, seconds: 0.2, searches: false },
      progress: () => {},
      omit: ({ name }, why) => omitted.push(`${name}: ${why}`),
    });
    const result = await run.run();
    t.match(omitted, [/^reflector: .*warm-up.*the generator ended/]);
    t.match(result.contestants, [{ name: 'reflector-gso', rounds: [{ saturation: {} }] }]);
  },
);

t.test('steps are undone from the last to the first, also if one cannot be undone', async (t) => {
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
