import t, { type Test } from 'tap';
import { buildTools } from '../../bench/load/build-tools.js';
import { turnClientObstacle } from '../../bench/load/turn-client-tool.js';
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

t.test('the same allocations are made at coturn', { skip: skipCoturn }, (t) =>
  carries(t, 'coturn', ['turn-in-1000-100B', 'turn-out-1000-100B-indications']),
);
