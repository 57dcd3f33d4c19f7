import t, { type Test } from 'tap';
import { hasBpfTools } from '../../bench/load/bpf-tools.js';
import { buildTools } from '../../bench/load/build-tools.js';
import { catalogue } from '../../bench/load/catalogue.js';
import { firstServer, type Scene } from '../../bench/load/scene.js';
import { ethtoolObstacle } from '../../bench/load/server-devices.js';
import { turnClientObstacle } from '../../bench/load/turn-client-tool.js';
import { measureTurnSetups } from '../../bench/load/turn-setups.js';
import { labSupport } from '../../src/lab/index.js';
import { setPatience } from '../lab/keep-on-failure.js';
import { findCommand } from '../setup/system-packages.js';
import { coturnObstacle } from '../setup/test-tools.js';
import { carry, checkExact, fewFlows } from './carry.js';
import { keptScene } from './kept-scene.js';

setPatience(t, 180_000);

const support = labSupport();
const skipTools = findCommand('cmake') === undefined ? 'needs cmake' : !support.ok && support.why;
if (skipTools === false) buildTools();
const skip = skipTools || (turnClientObstacle() ?? false);
const skipXdp =
  skip || (!hasBpfTools() && 'needs clang and libbpf') || (ethtoolObstacle() ?? false);
const skipCoturn = skip || (coturnObstacle() ?? false);
const cpus = { server: 0, generator: 0 };
const FLOWS = 20;
const SECONDS = 0.2;

async function carries(t: Test, contestant: string, names: readonly string[]) {
  const scene = await keptScene(t, cpus, 1);
  for (const name of names) {
    const result = await carry(scene, fewFlows(name, FLOWS), contestant, SECONDS);
    checkExact(t, result, name);
    t.ok((result.sink?.payloads ?? 0) > 0, `${name}: the sink reads them`);
  }
}

t.test('every packet passes the TURN server, both ways', { skip }, (t) =>
  carries(t, 'turnpike', [
    'turn-out-1000-100B',
    'turn-in-1000-100B',
    'turn-out-1000-100B-indications',
    'turn-in-1000-100B-indications',
  ]),
);

/** Returns how many frames XDP has redirected that entered the server's devices. */
async function redirected(scene: Scene): Promise<number> {
  const { near, far } = firstServer(scene);
  const texts = [near, far].map((place) => scene.run(place, ['ethtool', '-S', place.device]));
  const counts = (await Promise.all(texts)).flatMap((text) => [
    ...text.matchAll(/rx_queue_\d+_xdp_redirect: (\d+)/g),
  ]);
  return counts.reduce((sum, [, count]) => sum + Number(count), 0);
}

const xdpTitle = 'every packet passes the TURN server by XDP, both ways';
t.test(xdpTitle, { skip: skipXdp }, async (t) => {
  const scene = await keptScene(t, cpus, 1);
  const names = ['turn-out-1000-100B', 'turn-in-1000-100B', 'turn-in-1000-1200B'];
  for (const name of names) {
    const before = await redirected(scene);
    const result = await carry(scene, fewFlows(name, FLOWS), 'turnpike-xdp', SECONDS);
    checkExact(t, result, name);
    t.ok((result.sink?.payloads ?? 0) > 0, `${name}: a socket accepts them`);
    t.equal((await redirected(scene)) - before, result.generator.sent, `${name}: all by XDP`);
  }
});

t.test('allocations a second and their memory are measured', { skip }, async (t) => {
  const scene = await keptScene(t, cpus, 1);
  const { results, omissions } = await measureTurnSetups({
    allocations: 40,
    contestants: catalogue({ variants: [] }).filter(({ name }) => name === 'turnpike'),
    scene: async () => scene,
    write: () => {},
    effort: { rounds: 2, warmUp: 10 },
  });
  t.strictSame(omissions, []);
  t.match(results, [{ name: 'turnpike', allocations: 40, rounds: [{ failures: {} }] }]);
  const [round] = results.flatMap(({ rounds }) => rounds);
  for (const name of ['perSecond', 'serverUs', 'p50Us', 'residentBytes'] as const) {
    t.ok((round?.[name] ?? 0) > 0, name);
  }
  const left = await scene.run(firstServer(scene).near, ['ip', 'addr', 'show', 'dev', 'lo']);
  t.notMatch(left, /10\.3\.0/, 'the further relay addresses are removed');
});

t.test('what cannot be measured is listed', async (t) => {
  const options = {
    contestants: [],
    scene: () => Promise.reject(new Error('no')),
    write: () => {},
  };
  const none = await measureTurnSetups({ ...options, allocations: undefined });
  t.match(none, { results: [], omissions: [{ what: /memory/, why: /--allocations/ }] });
  if (skip !== false) return;
  const nobody = await measureTurnSetups({ ...options, allocations: 1 });
  t.match(nobody, { results: [], omissions: [{ why: 'no TURN server was chosen' }] });
});

t.test('the same allocations are made at coturn', { skip: skipCoturn }, (t) =>
  carries(t, 'coturn', ['turn-in-1000-100B', 'turn-out-1000-100B-indications']),
);
