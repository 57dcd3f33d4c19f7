import t from 'tap';
import type { NativeBinding } from '../../src/native/binding.js';
import { NativeDataPlane } from '../../src/native/data-plane.js';
import { Status } from '../../src/native/interface.js';
import { listenerHandle } from '../../src/native/transport-handle.js';
import type { ClientAction } from '../../src/native/types.js';
import { KEY, V4 } from './planes.js';

const CHANNEL = 0x4000;

/**
 * A plane whose addon is a stand-in. Calls whose names are in `full` find a full queue, those in
 * `limited` a full table.
 */
function scene() {
  const full = new Set<string>();
  const limited = new Set<string>();
  const queued: string[] = [];
  const opening: Record<string, unknown> = {
    counterOffset: 0,
    xdpReason: '',
    xdpMode: 'off',
    ports: [1],
    lanePorts: [],
    close: Promise.resolve(),
  };
  const native = new Proxy(opening, {
    get: (values, name: string) => () => {
      if (name in values) return values[name];
      if (full.has(name)) return Status.QueueFull;
      if (limited.has(name)) return Status.Limit;
      queued.push(name);
      return Status.Ok;
    },
  });
  const binding = {
    DataPlane: class {
      constructor() {
        // biome-ignore lint/correctness/noConstructorReturn: it stands in for the addon's class
        return native;
      }
    },
  };
  const plane = new NativeDataPlane(binding as unknown as NativeBinding, {
    clientAddresses: [V4],
    trunkAddresses: [V4],
    workers: 2,
    onBatch: () => {},
  });
  return { plane, full, limited, queued };
}

const tuple = (port: number) => ({
  handle: listenerHandle('client', 0),
  remote: { address: '127.0.0.1', port },
});
const flow = (port: number) => ({ worker: 0, tuple: tuple(port), channel: CHANNEL });
const session = (relayIndex: number) => ({ relayIndex, tuple: tuple(9), channel: CHANNEL });
const toRelay = (relayIndex: number): ClientAction => ({
  type: 'trunk',
  relayIndex,
  sessionIndex: 7,
});
const peer = {
  sources: [V4],
  socket: 0,
  destination: { address: '127.0.0.1', port: 9 },
  sendKeys: [{ epoch: 1, key: KEY }],
  receiveKeys: [{ epoch: 1, key: KEY }],
  recordsMax: 1,
};
const LIMIT = { code: 'ERR_TURNPIKE_LIMIT' };
const FULL = { code: 'ERR_TURNPIKE_QUEUE_FULL' };

t.test('a waiting removal holds up its own entry alone', async (t) => {
  const { plane, full, queued } = scene();
  full.add('removeClientFlow').add('removeSession');
  plane.removeClientFlow(flow(1));
  plane.removeSession(1);
  t.throws(() => plane.putClientFlow(flow(1), toRelay(1)), FULL);
  t.throws(() => plane.refreshClientFlow(flow(1), 60), FULL);
  t.throws(() => plane.putSession(1, session(1)), FULL);
  t.throws(() => plane.refreshSession(1, 60), FULL);
  t.same(queued, []);
  plane.putClientFlow(flow(2), toRelay(1));
  plane.putClientFlow({ ...flow(1), channel: CHANNEL + 1 }, toRelay(1));
  plane.refreshClientFlow(flow(2), 60);
  plane.putSession(2, session(1));
  plane.refreshSession(2, 60);
  plane.putKnownClient(0, tuple(1));
  plane.putRemoteRelay(1, peer);
  plane.probe(1, 1);
  t.same(queued, [
    'putClientFlowToTrunk',
    'putClientFlowToTrunk',
    'refreshClientFlow',
    'putSession',
    'refreshSession',
    'putKnownClient',
    'putRemoteRelay',
    'probe',
  ]);
  await plane.close();
});

t.test('entries of a relay wait for the relay', async (t) => {
  const { plane, full, queued } = scene();
  full.add('putRemoteRelay');
  plane.putRemoteRelay(1, peer);
  t.throws(() => plane.putClientFlow(flow(1), toRelay(1)), FULL);
  t.throws(() => plane.putSession(1, session(1)), FULL);
  plane.probe(1, 1);
  plane.removeRemoteRelay(1);
  t.same(queued, [], 'a probe is left out, and the removal waits behind the put');
  plane.putClientFlow(flow(1), toRelay(2));
  plane.putSession(1, session(2));
  full.clear();
  while (queued.length < 4) await new Promise((resolve) => setTimeout(resolve, 1));
  t.same(queued, ['putClientFlowToTrunk', 'putSession', 'putRemoteRelay', 'removeRemoteRelay']);
  await plane.close();
});

t.test('a full table is a full queue while removals from it wait', async (t) => {
  const { plane, full, limited, queued } = scene();
  limited.add('putClientFlowToTrunk').add('putClientFlowToClient');
  t.throws(() => plane.putClientFlow(flow(1), toRelay(1)), LIMIT);
  full.add('removeClientFlow');
  plane.removeClientFlow(flow(2));
  t.throws(() => plane.putClientFlow(flow(1), toRelay(1)), FULL);
  const toClient = { type: 'client', tuple: tuple(3), channel: CHANNEL } as const;
  t.throws(() => plane.putClientFlow(flow(1), toClient), FULL);
  t.throws(() => plane.putClientFlow({ ...flow(1), worker: 'any' }, toClient), FULL);
  t.throws(() => plane.putClientFlow({ ...flow(1), worker: 1 }, toClient), LIMIT);
  plane.removeClientFlow({ ...flow(3), worker: 'any' });
  t.throws(() => plane.putClientFlow({ ...flow(1), worker: 1 }, toClient), FULL);
  full.clear();
  while (queued.length < 2) await new Promise((resolve) => setTimeout(resolve, 1));
  t.throws(() => plane.putClientFlow(flow(1), toRelay(1)), LIMIT);
  await plane.close();
});
