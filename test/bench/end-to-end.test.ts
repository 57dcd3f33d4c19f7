import t from 'tap';
import { hasBpfTools } from '../../bench/load/bpf-tools.js';
import { buildTools } from '../../bench/load/build-tools.js';
import { LoopbackScene } from '../../bench/load/loopback-scene.js';
import { onLoopback } from '../../bench/load/workloads.js';
import { labSupport } from '../../src/lab/index.js';
import { setPatience } from '../lab/keep-on-failure.js';
import { findCommand } from '../setup/system-packages.js';
import { carry, checkExact, fewFlows } from './carry.js';
import { keptScene } from './kept-scene.js';

/** A build on a cold cache takes longer than tap's default timeout. */
setPatience(t, 180_000);

const support = labSupport();
const skip = findCommand('cmake') === undefined && 'needs cmake';
if (skip === false) buildTools();
const skipNamespaces = skip || (!support.ok && support.why);
const skipXdp = skipNamespaces || (!hasBpfTools() && 'needs clang and libbpf');
const cpus = { server: 0, generator: 0 };

t.test(
  'in namespaces every packet is counted and arrives undamaged',
  { skip: skipNamespaces },
  async (t) => {
    const scene = await keptScene(t, cpus, 1);
    for (const [name, flow] of [
      ['reflector', 'out-1000-100B'],
      ['reflector-gso', 'same-super-1200B'],
      ['turnpike', 'out-1000-100B'],
      ['turnpike', 'in-1000-100B-single'],
      ['turnpike', 'same-super-1200B'],
    ] as const) {
      const result = await carry(scene, fewFlows(flow), name);
      checkExact(t, result, `${name}, ${flow}`);
    }
    const sampled = await carry(scene, fewFlows('out-1000-100B'), 'turnpike');
    t.equal(sampled.sink?.payloads, sampled.generator.sent, 'the sink parses every record');
  },
);

const xdpTitle = 'every packet arrives by XDP, with checksums that a socket accepts';
t.test(xdpTitle, { skip: skipXdp }, async (t) => {
  const scene = await keptScene(t, cpus, 1);
  for (const name of ['xdp-redirect', 'turnpike-xdp']) {
    const result = await carry(scene, fewFlows('out-1000-100B'), name);
    checkExact(t, result, name);
    t.equal(result.sink?.payloads, result.generator.sent, `${name}: the sink gets all`);
  }
  // For mixed sizes the counter's bytes give only an approximate number; the sink parses all.
  for (const name of ['out-1000-mix', 'in-1000-mix']) {
    const { sink, generator } = await carry(scene, fewFlows(name), 'turnpike-xdp');
    t.match(sink, { duplicates: 0, damaged: 0, malformed: 0 }, `${name}: none is damaged`);
    t.ok(generator.sent > 0 && (sink?.payloads ?? 0) > 0, `${name}: packets arrive`);
    if (name === 'out-1000-mix') t.equal(sink?.payloads, generator.sent, 'the sink gets all');
  }
});

t.test('every packet arrives through two relays', { skip: skipNamespaces }, async (t) => {
  const scene = await keptScene(t, cpus, 2);
  for (const name of ['reflector', 'turnpike']) {
    checkExact(t, await carry(scene, fewFlows('path-1000-100B'), name), name);
    const both = await carry(scene, fewFlows('path-both-1000-100B'), name);
    checkExact(t, both, `${name}, both directions at once`);
  }
});

t.test('every packet arrives through two relays by XDP', { skip: skipXdp }, async (t) => {
  const scene = await keptScene(t, cpus, 2);
  for (const name of ['path-1000-100B', 'path-both-1000-100B']) {
    const result = await carry(scene, fewFlows(name), 'turnpike-xdp');
    checkExact(t, result, name);
    t.ok((result.sink?.payloads ?? 0) > 0, `${name}: a socket accepts the packets`);
  }
  checkExact(t, await carry(scene, fewFlows('path-1000-100B'), 'turnpike'), 'sockets after XDP');
});

t.test('on loopback the sink counts every packet', { skip }, async (t) => {
  const scene = new LoopbackScene(cpus);
  t.teardown(() => scene.close());
  for (const name of ['reflector', 'turnpike']) {
    checkExact(t, await carry(scene, onLoopback(fewFlows('same-1000-1200B')), name), name);
  }
});
