import { readFileSync } from 'node:fs';
import fc from 'fast-check';
import t from 'tap';
import { relayKeyPair } from '../src/auth/keys.js';
import * as turnpike from '../src/index.js';
import { openDataPlane } from '../src/native/index.js';
import { API_KEY, offerJson } from './client/support/http-server.js';

const {
  Directory,
  DirectoryClient,
  formatAddress,
  isTurnpikeError,
  mintCredential,
  mintTurnCredential,
  parseAddress,
  parseGrant,
  parseGrantPair,
  Peer,
  Relay,
  Rendezvous,
  relaySecret,
  systemScheduler,
  TurnpikeError,
  TurnServer,
  tenantRoot,
  tenantSecret,
} = turnpike;

const DOCUMENTED = new Set(
  readFileSync(new URL('../docs/errors.md', import.meta.url), 'utf8').match(
    /ERR_TURNPIKE_[A-Z_]+/g,
  ),
);

const thrower = new Proxy(
  {},
  {
    get: () => {
      throw new Error('trap');
    },
    getPrototypeOf: () => {
      throw new Error('trap');
    },
    ownKeys: () => {
      throw new Error('trap');
    },
  },
);
const revoked = Proxy.revocable({}, {});
revoked.revoke();

/** Values that a JavaScript caller may pass for any argument. */
const GARBAGE: readonly unknown[] = [
  ...[undefined, null, true, false, 0, -0, 1, -1, 0.5, 2 ** 53, 1e308, Number.NaN, Infinity],
  ...['', ' ', 'x', '\0', 'é'.repeat(5_000), '127.0.0.1:0', 'http://127.0.0.1:1', 0n, 10n ** 40n],
  ...[[], [null], [[]], {}, { a: 1 }, Object.create(null), new Date(Number.NaN), /x/, new Map()],
  ...[Symbol('s'), Symbol.iterator, () => {}, class {}, async () => {}, new Uint8Array(31)],
  ...[new Uint8Array(0), Buffer.alloc(33), new ArrayBuffer(32), new DataView(new ArrayBuffer(32))],
  ...[
    thrower,
    revoked.proxy,
    new Proxy(new Uint8Array(32), {}),
    Promise.resolve(1),
    new Error('e'),
  ],
  ...[
    AbortSignal.prototype,
    new Proxy(AbortSignal.abort(), {}),
    new Array(2 ** 32 - 1),
    { length: 1 },
  ],
];

/** Returns an object whose members throw when they are read. */
const withThrowing = (names: readonly string[]) =>
  Object.defineProperties(
    {},
    Object.fromEntries(
      names.map((name) => [
        name,
        {
          enumerable: true,
          get: () => {
            throw new TypeError('getter');
          },
        },
      ]),
    ),
  );

const SECRET = new Uint8Array(32);
const ACCESS = { directoryUrl: 'http://127.0.0.1:1', apiKey: API_KEY };
/** Ends calls before they use the network; arguments are checked first. */
const signal = AbortSignal.abort();

const OPTIONS = {
  directory: {
    listen: '192.0.2.1:1',
    clusterSecret: SECRET,
    apiKeys: [{ key: API_KEY, tenant: 'a' }],
    tls: undefined,
    logger: undefined,
    clock: undefined,
    random: undefined,
  },
  relay: {
    ...{ id: 'a', region: 'a', listen: '192.0.2.1:1', trunk: '192.0.2.1:2' },
    ...{ advertise: [], advertiseTrunk: [], relaySecret: SECRET, tenantRoot: SECRET },
    ...{ directoryUrl: undefined, relays: [], legsMax: 1, challengesPerSecond: 1 },
    ...{ challengesBurst: 1, workers: 1, trunkMtuBytes: 1_452, coalescingUs: 0, busyPollUs: 0 },
    ...{ cpus: [], xdp: undefined, logger: undefined, clock: undefined, random: undefined },
  },
  turn: {
    ...{
      listen: '192.0.2.1:1',
      relayAddresses: '192.0.2.1',
      relayPorts: '50000-50009',
      realm: 'a',
    },
    ...{ users: 'a:b', authSecrets: [], nonceSecret: undefined, allowPeers: [], denyPeers: [] },
    ...{ allowPrivatePeers: false, userQuota: 1, allocationsMax: 1, workers: 1 },
    ...{ alternateServers: [], onEvent: undefined, userBandwidth: 1, steering: 'off' },
    ...{ logger: undefined, clock: undefined, random: undefined, mobility: true },
  },
  plane: {
    ...{ clientAddresses: '192.0.2.1:1', trunkAddresses: [], workers: 1, clientFlowsMax: 1 },
    ...{ sessionsMax: 1, remoteRelaysMax: 1, puntQueueBytes: 16_384, socketBufferBytes: 1 },
    ...{ trunkMtuBytes: 1_452, coalescingUs: 0, busyPollUs: 0, cpus: [], xdp: undefined },
    steering: 'off',
    onBatch: () => {},
  },
  peer: {
    ...{ grant: parseGrantPair(offerJson()).grants[0], bind: undefined, integrity: 'auto', signal },
    ...{ lifetimeSeconds: 600, receiveQueueMessagesMax: 1, logger: undefined },
    ...{ scheduler: undefined, random: undefined },
  },
  rendezvous: {
    ...{ ...ACCESS, ca: undefined, room: 'r', hints: undefined, signal, logger: undefined },
    ...{ scheduler: undefined, random: undefined },
  },
  credential: {
    ...{ tenantSecret: SECRET, tenant: 'a', connectionId: '0'.repeat(32), role: 0 },
    expiresAtSeconds: 1,
  },
  turnCredential: { tenantSecret: SECRET, tenant: 'a', user: 'b', expiresAtSeconds: 1 },
  request: { peers: [{}, {}], ttlSeconds: 1 },
};

type Call = (...given: never[]) => unknown;

/** Every exported function with valid arguments; those that need a network fail. */
const CALLS: Readonly<Record<string, { readonly call: Call; readonly takes: readonly unknown[] }>> =
  {
    'Directory.open': { call: (o) => Directory.open(o), takes: [OPTIONS.directory] },
    'TurnServer.open': { call: (o) => TurnServer.open(o), takes: [OPTIONS.turn] },
    'Relay.open': { call: (o) => Relay.open(o), takes: [OPTIONS.relay] },
    openDataPlane: { call: (o) => openDataPlane(o), takes: [OPTIONS.plane] },
    'Peer.open': { call: (o) => Peer.open(o), takes: [OPTIONS.peer] },
    'Peer.join': { call: (o) => Peer.join(o), takes: [OPTIONS.rendezvous] },
    'Peer.meet': { call: (r, o) => Peer.meet(r, o), takes: [undefined, {}] },
    'Rendezvous.open': { call: (o) => Rendezvous.open(o), takes: [OPTIONS.rendezvous] },
    DirectoryClient: { call: (o) => new DirectoryClient(o), takes: [ACCESS] },
    createConnection: {
      call: (request, o) => new DirectoryClient(ACCESS).createConnection(request, o),
      takes: [OPTIONS.request, { signal }],
    },
    listRelays: { call: (o) => new DirectoryClient(ACCESS).listRelays(o), takes: [{ signal }] },
    mintCredential: { call: (o) => mintCredential(o), takes: [OPTIONS.credential] },
    mintTurnCredential: { call: (o) => mintTurnCredential(o), takes: [OPTIONS.turnCredential] },
    relaySecret: { call: (s, id) => relaySecret(s, id), takes: [SECRET, 'a'] },
    tenantRoot: { call: (s) => tenantRoot(s), takes: [SECRET] },
    tenantSecret: { call: (s, name) => tenantSecret(s, name), takes: [SECRET, 'a'] },
    parseAddress: { call: (text) => parseAddress(text), takes: ['192.0.2.1:1'] },
    formatAddress: { call: (a) => formatAddress(a), takes: [{ address: '192.0.2.1', port: 1 }] },
    parseGrant: { call: (value) => parseGrant(value), takes: [OPTIONS.peer.grant] },
    parseGrantPair: { call: (value) => parseGrantPair(value), takes: [offerJson()] },
    isTurnpikeError: { call: (value, code) => isTurnpikeError(value, code), takes: [1, 'x'] },
    TurnpikeError: {
      call: (code, message, details) => new TurnpikeError(code, message, details),
      takes: ['ERR_TURNPIKE_CONFIG', 'm', {}],
    },
    after: {
      call: (ms, callback) => systemScheduler.after(ms, callback)(),
      takes: [0, () => {}],
    },
  };

/** Calls a function and closes its result. @returns what is wrong with the error that it threw */
async function fault(
  call: Call,
  given: readonly unknown[],
  value?: unknown,
): Promise<string | undefined> {
  try {
    const result = await call(...(given as never[]));
    await (result as { close?: () => Promise<void> } | undefined)?.close?.();
    return undefined;
  } catch (error) {
    if (!(error instanceof TurnpikeError)) return `not a TurnpikeError: ${String(error)}`;
    if (!DOCUMENTED.has(error.code)) return `undocumented: ${error.code}`;
    // A caller's function that throws or returns a wrong value may give ERR_TURNPIKE_INTERNAL.
    if (error.code !== 'ERR_TURNPIKE_INTERNAL' || typeof value === 'function') return undefined;
    return `internal: ${error.message}`;
  }
}

t.test('exported functions throw only documented TurnpikeErrors', async (t) => {
  for (const [name, { call, takes }] of Object.entries(CALLS)) {
    const faults: string[] = [];
    const wrong = async (given: readonly unknown[], value?: unknown) => {
      const found = await fault(call, given, value);
      if (found !== undefined) faults.push(found);
    };
    await wrong(takes);
    for (const [index, sound] of takes.entries()) {
      const others = (value: unknown) => takes.map((each, at) => (at === index ? value : each));
      for (const value of GARBAGE) await wrong(others(value), value);
      if (typeof sound !== 'object' || sound === null || sound instanceof Uint8Array) continue;
      await wrong(others(withThrowing(Object.keys(sound))));
      for (const member of [...Object.keys(sound), 'unknown']) {
        // Without its signal a call would use the network.
        const values = member === 'signal' ? GARBAGE.slice(1) : GARBAGE;
        for (const value of values) await wrong(others({ ...sound, [member]: value }), value);
      }
    }
    t.strictSame(faults, [], name);
  }
});

t.test(
  'exported functions throw only these errors if several members are wrong, at any depth',
  async (t) => {
    // fast-check inspects its values, and inspecting these Proxies throws.
    const garbage = fc.oneof(
      fc.nat({ max: GARBAGE.length - 1 }).map((index) => ({ index })),
      fc
        .anything({ withBigInt: true, withDate: true, withMap: true, withNullPrototype: true })
        .map((value) => ({ value })),
    );
    const meant = (made: { index?: number; value?: unknown }) =>
      made.index === undefined ? made.value : GARBAGE[made.index];
    for (const name of [
      'Directory.open',
      'Relay.open',
      'Peer.open',
      'Peer.join',
      'mintCredential',
      'mintTurnCredential',
    ]) {
      const { call, takes } = CALLS[name] ?? { call: () => {}, takes: [] };
      const [sound] = takes as Record<string, unknown>[];
      const property = fc.asyncProperty(
        fc.dictionary(fc.constantFrom(...Object.keys(sound ?? {})), garbage, { minKeys: 1 }),
        async (made) => {
          const members = Object.entries(made).map(([name, each]) => [name, meant(each)] as const);
          const given = {
            ...sound,
            ...Object.fromEntries(members),
            ...(sound?.signal ? { signal } : {}),
          };
          const own = members.find(([, value]) => typeof value === 'function')?.[1];
          return (await fault(call, [given], own)) === undefined;
        },
      );
      const { failed, counterexample } = await fc.check(property, { numRuns: 200 });
      t.notOk(failed, name, { counterexample });
    }
  },
);

t.test('an unknown option is refused with the nearest known name', async (t) => {
  for (const [name, wrong, hint] of [
    ['Directory.open', 'lisen', 'did you mean `listen`?'],
    ['Relay.open', 'directoryURL', 'did you mean `directoryUrl`?'],
    ['DirectoryClient', 'url', 'did you mean `directoryUrl`?'],
    ['Peer.join', 'apikey', 'did you mean `apiKey`?'],
    ['Peer.open', 'banana', 'known: '],
    ['mintCredential', 'tennant', 'did you mean `tenant`?'],
  ] as const) {
    const { call, takes } = CALLS[name] ?? { call: () => {}, takes: [] };
    const given = { ...(takes[0] as object), [wrong]: 1 };
    const error = await Promise.resolve()
      .then(() => call(...([given] as never[])))
      .catch((caught: unknown) => caught);
    t.match(error, { code: 'ERR_TURNPIKE_CONFIG' }, name);
    const { message } = error as Error;
    t.ok(message.includes(`unknown option \`${wrong}\`: ${hint}`), message);
  }
});

t.test('CALLS has every exported function', async (t) => {
  const functions = Object.entries(turnpike).filter(([, value]) => typeof value === 'function');
  // Only Peer.join makes a ReconnectingPeer.
  const called = ['ReconnectingPeer', ...Object.keys(CALLS)].map((name) => name.split('.')[0]);
  const missing = functions.map(([name]) => name).filter((name) => !called.includes(name));
  t.strictSame(missing, []);
});

t.test('addresses may be text or objects, single or in a list', async (t) => {
  const directory = await Directory.open({ ...OPTIONS.directory, listen: '127.0.0.1:0' });
  t.equal(directory.address.address, '127.0.0.1');
  await directory.close();
  const relay = await Relay.open({
    ...{ id: 'a', region: 'a', relaySecret: SECRET, tenantRoot: SECRET, workers: 1 },
    listen: '127.0.0.1:0',
    trunk: [{ address: '127.0.0.1', port: 0 }, '[::1]:0'],
    advertise: ['192.0.2.1:0'],
    advertiseTrunk: undefined,
  });
  t.equal(relay.serviceAddresses[0]?.address, '192.0.2.1');
  t.equal(relay.trunkAddresses.length, 2);
  t.throws(() => relay.update({ relays: [{}] as never }), { code: 'ERR_TURNPIKE_CONFIG' });
  const record = (id: string, publicKey: Uint8Array) => ({
    ...{ id, region: 'a', start: 1, publicKey: Buffer.from(publicKey).toString('base64') },
    serviceAddresses: [{ address: '192.0.2.2', port: 3_478 }],
    trunkAddresses: [{ address: '192.0.2.2', port: 3_480 }],
    trunkSources: [{ address: '192.0.2.2', port: 3_480 }],
    recordsMax: 1,
  });
  const good = record('b', relayKeyPair(relaySecret(SECRET, 'b')).publicKey);
  // A point of small order: its shared secret is public (RFC 7748 section 6.1).
  const bad = record('c', new Uint8Array(32));
  const relays = [good, bad];
  const refusal = { code: 'ERR_TURNPIKE_SECRET', message: /^relay c: / };
  t.throws(() => relay.update({ relays }), refusal);
  t.notMatch(await relay.metrics(), 'relay="b"', 'none of them is applied');
  relay.update({ relays: [good] });
  t.match(await relay.metrics(), 'relay="b"');
  await relay.close();
});
