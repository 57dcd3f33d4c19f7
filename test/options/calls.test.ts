import { randomBytes } from 'node:crypto';
import t, { type Test } from 'tap';
import {
  Directory,
  DirectoryClient,
  formatAddress,
  isTurnpikeError,
  mintCredential,
  mintTurnCredential,
  Peer,
  parseAddress,
  Relay,
  relaySecret,
  tenantRoot,
  tenantSecret,
} from '../../src/index.js';

t.setTimeout(120_000);

const throws = new Proxy({}, { get: () => JSON.parse('{'), ownKeys: () => JSON.parse('{') });

/** Values that are wrong for almost every argument. */
const WRONG: readonly unknown[] = [
  ...[null, true, -1, 1.5, Number.NaN, 10n, 'x', Symbol('x'), {}, [], [null], () => {}, throws],
  ...[new Map(), { unknown: 1 }, { signal: 5 }, { perSecond: 0, burst: 1 }, { cert: 1, key: 2 }],
];

const clusterSecret = randomBytes(32);
const key = 'an-api-key-of-a-tenant';
const apiKeys = [{ key, tenant: 'default' }];

async function scene(t: Test) {
  const directory = await Directory.open({ listen: '127.0.0.1:0', clusterSecret, apiKeys });
  t.teardown(() => directory.close());
  const relay = await Relay.open({
    id: 'fra-1',
    region: 'fra',
    listen: '127.0.0.1:0',
    trunk: '127.0.0.1:0',
    relaySecret: relaySecret(clusterSecret, 'fra-1'),
    tenantRoot: tenantRoot(clusterSecret),
    directoryUrl: directory.url,
    workers: 1,
  });
  t.teardown(() => relay.close());
  const client = new DirectoryClient({ directoryUrl: directory.url, apiKey: key });
  while ((await client.listRelays()).length === 0) await new Promise((r) => setTimeout(r, 50));
  return { directory, relay, client };
}

/** Calls a function with each wrong value. @returns other errors, and how many TurnpikeErrors */
async function outcomes(call: (given: never) => unknown, meanwhile?: () => Promise<void>) {
  const calls = Promise.allSettled(WRONG.map(async (given) => call(given as never)));
  await meanwhile?.();
  const errors = (await calls).flatMap((each) =>
    each.status === 'rejected' ? [each.reason as unknown] : [],
  );
  const escaped = errors.filter((error) => !isTurnpikeError(error));
  return { escaped, refused: errors.length - escaped.length };
}

interface Taken {
  /** The number of values that the call accepts. */
  readonly taken?: number;
  /** Ends the calls that are pending. */
  readonly meanwhile?: () => Promise<void>;
}

async function onlyOurs(
  t: Test,
  name: string,
  call: (given: never) => unknown,
  { taken = 0, meanwhile }: Taken = {},
) {
  const { escaped, refused } = await outcomes(call, meanwhile);
  t.strictSame(escaped, [], `${name}: only TurnpikeErrors`);
  t.ok(refused >= WRONG.length - taken, `${name} refuses ${refused} of ${WRONG.length}`);
}

t.test('functions and constructors throw only TurnpikeErrors for wrong arguments', async (t) => {
  await onlyOurs(t, 'Directory.open', (given) => Directory.open(given));
  await onlyOurs(t, 'Relay.open', (given) => Relay.open(given));
  await onlyOurs(t, 'Peer.open', (given) => Peer.open(given));
  await onlyOurs(t, 'Peer.join', (given) => Peer.join(given));
  await onlyOurs(t, 'Peer.meet', (given) => Peer.meet(given));
  await onlyOurs(t, 'DirectoryClient', (given) => new DirectoryClient(given));
  await onlyOurs(t, 'parseAddress', (given) => parseAddress(given));
  await onlyOurs(t, 'formatAddress', (given) => formatAddress(given));
  await onlyOurs(t, 'mintCredential', (given) => mintCredential(given));
  await onlyOurs(t, 'mintTurnCredential', (given) => mintTurnCredential(given));
  await onlyOurs(t, 'relaySecret', (given) => relaySecret(given, 'x'));
  await onlyOurs(t, 'tenantRoot', (given) => tenantRoot(given));
  await onlyOurs(t, 'tenantSecret', (given) => tenantSecret(given, 'x'));
});

t.test(
  'methods throw only TurnpikeErrors for wrong arguments, and the objects still work',
  async (t) => {
    const { directory, relay, client } = await scene(t);
    await onlyOurs(t, 'Directory#update, apiKeys', (apiKeys) => directory.update({ apiKeys }));
    await onlyOurs(t, 'Directory#update, tls', (tls) => directory.update({ tls }));
    await onlyOurs(t, 'Relay#update, rate', (challengesBurst) => relay.update({ challengesBurst }));
    // An object without any setting changes none.
    await onlyOurs(t, 'Directory#update', (given) => directory.update(given), {
      taken: 2,
    });
    await onlyOurs(t, 'Relay#update', (given) => relay.update(given), { taken: 2 });
    // An empty list is valid.
    await onlyOurs(t, 'Relay#update, relays', (relays) => relay.update({ relays }), {
      taken: 1,
    });
    await onlyOurs(t, 'createConnection', (given) => client.createConnection(given));
    // Objects without any option of the call are valid.
    await onlyOurs(t, 'listRelays', (given) => client.listRelays(given), { taken: 3 });
    const { grants } = await client.createConnection({ peers: [{}, {}] });
    const peer = await Peer.open({ grant: grants[0] });
    t.teardown(() => peer.close());
    await onlyOurs(t, 'Peer#connect', (given) => peer.connect(given));
    // Accepted calls wait for a peer that does not connect, until this peer is closed.
    const waiting = await Peer.open({ grant: grants[1] });
    const connect = (given: never) => waiting.connect('192.0.2.1:1', given);
    await onlyOurs(t, 'Peer#connect, options', connect, { meanwhile: () => waiting.close() });
    await onlyOurs(t, 'Peer#send', (given) => peer.send(given));
    t.doesNotThrow(() => relay.update({ challengesPerSecond: 5, challengesBurst: 10 }));
    t.equal((await client.listRelays()).length, 1);
    // close() ignores arguments.
    await onlyOurs(t, 'Peer#close', (given) => peer.close(given), {
      taken: WRONG.length,
    });
  },
);

t.test(
  'an address is text or an object, and an invalid one is refused with the reason',
  async (t) => {
    const open = (listen: unknown) => Directory.open({ listen, clusterSecret, apiKeys } as never);
    for (const listen of ['127.0.0.1:0', '[::1]:0', { address: '::1', port: 0 }]) {
      const directory = await open(listen);
      t.not(directory.address.port, 0);
      await directory.close();
    }
    for (const [listen, message] of [
      ['localhost:8080', /names are not resolved/],
      [':8080', /listen/],
      ['::1:8080', /listen/],
      ['127.0.0.1', /port/],
      [8080, /listen/],
      ['8080', /listen/],
      ['127.0.0.1:70000', /port/],
      ['127.0.0.1:', /port/],
      ['', /listen/],
      [['127.0.0.1:0', '[::1]:0'], /listen/],
      [{ host: '127.0.0.1', port: 0 }, /listen/],
      [{ address: '127.0.0.1', port: '0' }, /port/],
      ['http://127.0.0.1:8080', /listen/],
    ] as const) {
      const code = 'ERR_TURNPIKE_ADDRESS';
      const error = await open(listen).catch((each: unknown) => each);
      t.match(error, { code, message }, JSON.stringify(listen));
      t.comment((error as Error).message);
    }
  },
);

t.test('an unknown option is refused with the nearest name, at every level', async (t) => {
  const base = { listen: '127.0.0.1:0', clusterSecret, apiKeys };
  const directory = (more: object) => Directory.open({ ...base, ...more } as never);
  const tls = { cert: 'x', key: 'y', keyy: 'z' };
  await t.rejects(directory({ apiKeys: [{ key: `${key}\n`, tenant: 'default' }] }), {
    message: /a line break or blanks are around it: trim it/,
  });
  await t.rejects(directory({ apiKey: key }), { message: /`apiKey`: did you mean `apiKeys`\?/ });
  await t.rejects(directory({ apiKeys: [{ key, tenent: 'a' }] }), {
    message: /`apiKeys\[0\]\.tenent`: did you mean `apiKeys\[0\]\.tenant`\?/,
  });
  await t.rejects(directory({ tls }), { message: /`tls\.keyy`: did you mean `tls\.key`\?/ });
  await t.rejects(
    async () => new DirectoryClient({ url: 'http://[::1]:1', apiKey: key } as never),
    {
      message: /`url`: did you mean `directoryUrl`\?/,
    },
  );
  await t.rejects(Relay.open({ directory: 'http://[::1]:1' } as never), {
    message: /`directory`: did you mean `directoryUrl`\?/,
  });
  await t.rejects(Relay.open({ xdp: { interface: 'eth0' } } as never), {
    message: /`xdp\.interface`: did you mean `xdp\.interfaces`\?/,
  });
});
