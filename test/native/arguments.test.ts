import t, { type Test } from 'tap';
import { formatAddress } from '../../src/address.js';
import { isTurnpikeError } from '../../src/errors.js';
import { type OpenDataPlane, openDataPlane } from '../../src/native/index.js';
import { listenerHandle, type TransportHandle } from '../../src/native/transport-handle.js';

const KEY = new Uint8Array(16).fill(7);

async function open(t: Test): Promise<OpenDataPlane> {
  const plane = openDataPlane({
    clientAddresses: '127.0.0.1:0',
    trunkAddresses: '127.0.0.1:0',
    workers: 2,
    onBatch: () => {},
  });
  t.teardown(() => plane.close());
  const address = '127.0.0.1:0';
  const { handle } = await plane.openEndpoint({ kind: 'relayed', address, worker: 0 });
  t.equal(handle, RELAYED);
  return plane;
}

const throws = new Proxy({}, { get: () => JSON.parse('{'), ownKeys: () => JSON.parse('{') });

/** Values that are of a wrong kind for every argument. */
const WRONG: readonly unknown[] = [
  ...[undefined, null, true, -1, 1.5, Number.NaN, 2 ** 40, 10n, 'x', '', Symbol('x')],
  ...[{}, [], [null], () => {}, throws, new Map(), new Uint8Array(2)],
];

/** The handle of worker 0's first endpoint. */
const RELAYED = (2 ** 45 + 2 ** 16 + 32) as TransportHandle;
const TUPLE = { handle: listenerHandle('client', 0), remote: '127.0.0.1:4000' };
const FLOW = { worker: 0, tuple: TUPLE, channel: 0x4000 };
const ALLOCATION = { worker: 0, tuple: TUPLE, relayed: RELAYED, family: 4 };
const PEER_FLOW = { relayed: RELAYED, peer: '127.0.0.1:0' };
const MOVED = { worker: 0, tuple: { ...TUPLE, remote: '127.0.0.1:4001' } };
const CLIENT = { type: 'client', tuple: TUPLE, channel: 0x4001 } as const;
const RELAY = {
  ...{ sources: ['127.0.0.1:5000'], socket: 0, destination: '127.0.0.1:5000' },
  ...{ sendKeys: [{ epoch: 1, key: KEY }], receiveKeys: [{ epoch: 1, key: KEY }], recordsMax: 8 },
  paths: [{ socket: 0, remote: '127.0.0.1:5000', heard: 'unknown' }],
} as const;
const DATAGRAM = { side: 'client', tuple: TUPLE, data: new Uint8Array(20) } as const;

/** Valid arguments of every method. */
const CALLS: { readonly [K in keyof OpenDataPlane]?: readonly unknown[] } = {
  putRemoteRelay: [0, RELAY],
  putClientFlow: [FLOW, CLIENT, 600],
  refreshClientFlow: [FLOW, 600],
  putAllocation: [ALLOCATION, 600],
  putPeerFlow: [PEER_FLOW, { tuple: TUPLE, channel: 0x4000, bucket: 1 }, 600],
  putTrunkRoute: [{ ...PEER_FLOW, peer: '127.0.0.1:1' }, { relayIndex: 0, sessionIndex: 1 }, 600],
  putMovedClient: [MOVED, { worker: 1, tuple: TUPLE, number: 1 }],
  allocationTraffic: [ALLOCATION],
  channelTraffic: [FLOW],
  setBandwidth: [1, 1_000],
  peerFlowTraffic: [PEER_FLOW],
  removeAllocation: [ALLOCATION],
  removePeerFlow: [PEER_FLOW],
  removeTrunkRoute: [PEER_FLOW],
  removeMovedClient: [MOVED],
  putSession: [1, { relayIndex: 0, tuple: TUPLE, channel: 0x4000 }, 600],
  refreshSession: [1, 600],
  putKnownClient: [0, TUPLE],
  setRelayHosts: [['127.0.0.1:5000', { address: '::1', port: 0 }]],
  probe: [0, 1, { tuple: { ...TUPLE, handle: listenerHandle('trunk', 0) }, worker: 0, bytes: 100 }],
  send: [[DATAGRAM]],
  openEndpoint: [{ kind: 'client', address: '127.0.0.1:0', worker: 0 }],
  // The handle of an endpoint that does not exist.
  closeEndpoint: [RELAYED + 100],
  workersSilentMs: [],
  counters: [],
  remoteRelayTraffic: [0],
  flowTraffic: [FLOW],
  sessionTraffic: [1],
  flowMeter: [FLOW],
  flowPackets: [0],
  sessionPackets: [1],
  removeKnownClient: [0, TUPLE],
  removeClientFlow: [FLOW],
  removeSession: [1],
  removeRemoteRelay: [0],
};

/** Yields the value with each of its members, at any depth, replaced by each wrong value. */
function* spoilt(value: unknown): Generator<unknown> {
  yield* WRONG;
  if (typeof value !== 'object' || value === null || value instanceof Uint8Array) return;
  for (const [name, member] of Object.entries(value)) {
    for (const other of spoilt(member)) {
      yield Array.isArray(value)
        ? value.map((each, index) => (String(index) === name ? other : each))
        : { ...value, [name]: other };
    }
  }
}

t.test('every method accepts addresses as text', async (t) => {
  const plane = await open(t);
  const known = Object.entries(plane).filter(([, member]) => typeof member === 'function');
  t.strictSame(
    known.map(([name]) => name).sort(),
    [...Object.keys(CALLS), 'close'].sort(),
    'all methods',
  );
  for (const [name, given] of Object.entries(CALLS)) {
    await t.resolves(async () => call(plane, name, given), name);
  }
});

t.test('wrong arguments throw only a TurnpikeError', async (t) => {
  const plane = await open(t);
  for (const [name, given] of Object.entries(CALLS)) {
    let [calls, refused] = [0, 0];
    const escaped: unknown[] = [];
    for (const [place, value] of given.entries()) {
      for (const other of spoilt(value)) {
        calls += 1;
        try {
          await call(plane, name, given.with(place, other));
        } catch (error) {
          refused += 1;
          if (!isTurnpikeError(error)) escaped.push(error);
        }
      }
    }
    t.strictSame(escaped, [], `${name}: ${refused} of ${calls} refused`);
  }
});

t.test('the error names the argument and the expected kind', async (t) => {
  const plane = await open(t);
  const tells = (name: string, given: unknown[], message: RegExp, code = 'ARGUMENT') =>
    t.throws(() => call(plane, name, given), { code: `ERR_TURNPIKE_${code}`, message });
  tells(
    'putClientFlow',
    [FLOW, { ...CLIENT, type: 'both' }],
    /action\.type: expected `trunk`, `client` or/,
  );
  tells('send', [[{ ...DATAGRAM, side: 'relay' }]], /side: expected client or trunk/);
  tells('send', [DATAGRAM], /datagrams: expected a list/);
  tells('flowPackets', ['x'], /meter: expected a whole number/);
  tells('putRemoteRelay', [0, { ...RELAY, destination: 'localhost:1' }], /localhost/, 'ADDRESS');
  const remote = plane.clientAddresses[0];
  t.ok(remote);
  tells('putKnownClient', [0, remote && formatAddress(remote)], /tuple: expected an object/);
});

function call(plane: OpenDataPlane, name: string, given: readonly unknown[]): unknown {
  return (plane as unknown as Record<string, (...all: unknown[]) => unknown>)[name]?.(...given);
}
