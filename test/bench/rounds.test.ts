import t from 'tap';
import { WorkloadRun } from '../../bench/load/rounds.js';
import type { Scene } from '../../bench/load/scene.js';
import type { Contestant, Running } from '../../bench/load/types.js';
import { WORKLOADS } from '../../bench/load/workloads.js';

const place = { host: 'none', device: 'none', address: '127.0.0.1', mac: '02:00:00:00:00:01' };
const scene: Scene = {
  kind: 'loopback',
  cpus: { server: 0, generator: 0 },
  near: place,
  servers: [{ near: place, far: place }],
  far: place,
  nearNetwork: '127.1.0',
  farNetwork: '127.2.0',
  run: () => Promise.reject(new Error('nothing is run')),
  spawn: () => {
    throw new Error('the sink cannot bind');
  },
  close: async () => {},
};

const running: Running = {
  pids: [],
  load: { content: 'channel', source: '127.0.0.1:1', destination: '127.0.0.1:2' },
  arrivals: { content: 'channel', port: 3, ports: 1 },
  stop: () => Promise.reject(new Error('it does not stop')),
};

const contestant: Contestant = {
  name: 'clumsy',
  title: 'one that does not stop',
  kind: 'rival',
  missing: async () => undefined,
  unfit: () => undefined,
  start: async () => running,
};

t.test('the reason of an omission names the first failure and the failed stop', async (t) => {
  const [workload] = WORKLOADS;
  if (workload === undefined) throw new Error('no workload');
  const reasons: string[] = [];
  const run = new WorkloadRun(scene, workload, [contestant], {
    effort: { rounds: 2, seconds: 0.1, searches: false },
    progress: () => {},
    omit: (_, why) => reasons.push(why),
  });
  await run.run();
  t.equal(reasons.length, 1, 'omitted once');
  t.match(reasons[0], /warm-up: the sink cannot bind; it was not undone: it does not stop$/);
});
