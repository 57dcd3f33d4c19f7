import t from 'tap';
import { parseAddress } from '../../src/address.js';
import { sharedSecret, trunkControlKey, trunkDataKey, utcDay } from '../../src/auth/keys.js';
import { encodeControlMessage } from '../../src/trunk/control-message.js';
import type { RemoteRelay } from '../../src/trunk/remote-relay.js';
import { UnregisteredSources } from '../../src/trunk/unregistered-sources.js';
import { encodeTrunkDatagram } from '../trunk/encode-datagram.js';
import { dualStack, FakePeer } from './world/index.js';

type System = ReturnType<typeof dualStack>;

/** A probe of nyc-1, with its own key or another one. */
function probe({ world, fra, nyc }: System, key?: Uint8Array): Uint8Array {
  const epoch = utcDay(world.clock.now());
  const shared = sharedSecret(nyc.local.privateKey, Buffer.from(fra.record.publicKey, 'base64'));
  const ends = { senderId: 'nyc-1', receiverId: 'fra-1', receiverStart: fra.local.incarnation };
  return encodeTrunkDatagram(
    { type: 'probe', lane: 0, epoch, sequence: 1n, timestampNs: 1n, number: 1 },
    key ?? trunkDataKey({ shared, epoch, ...ends }),
  );
}

/** A control message of nyc-1, with its own key or another one. */
function control({ world, fra, nyc }: System, key?: Uint8Array): Uint8Array {
  const shared = sharedSecret(nyc.local.privateKey, Buffer.from(fra.record.publicKey, 'base64'));
  return encodeControlMessage(nyc.local, key ?? trunkControlKey(shared, 'nyc-1', 'fra-1'), {
    type: 'close-done',
    transactionId: world.random(12),
  });
}

function hand({ world, fra }: System, from: string, ...datagrams: Uint8Array[]): void {
  for (const data of datagrams) world.send({ from: parseAddress(from), to: fra.trunk, data });
  world.pump();
}

t.test('a relay that sends from an unregistered port is reported once', async (t) => {
  const { world, fra, nyc, news } = dualStack();
  const key = trunkDataKey({
    shared: sharedSecret(nyc.local.privateKey, Buffer.from(fra.record.publicKey, 'base64')),
    senderId: 'nyc-1',
    receiverId: 'fra-1',
    epoch: utcDay(world.clock.now()),
    receiverStart: fra.local.incarnation,
  });
  const epoch = utcDay(world.clock.now());
  const record = { sessionIndex: 1, sessionSequence: 0, payload: new Uint8Array(3) };
  const genuine = encodeTrunkDatagram(
    { type: 'data', lane: 0, epoch, sequence: 1n, records: [record] },
    key,
  );
  const forged = encodeTrunkDatagram(
    { type: 'data', lane: 0, epoch, sequence: 1n, records: [record] },
    new Uint8Array(16),
  );
  const from = (port: number) => parseAddress(`192.0.2.20:${port}`);
  const hand = (source: ReturnType<typeof from>, data: Uint8Array) => {
    world.send({ from: source, to: fra.trunk, data });
    world.pump();
  };
  hand(from(40_111), forged);
  hand(parseAddress('192.0.2.99:40112'), genuine);
  t.same(news, [], 'forged, or from another address');
  hand(from(40_112), genuine);
  hand(from(40_113), genuine);
  t.same(news, [{ type: 'unlisted-source', source: from(40_112) }]);
});

t.test('at most ten datagrams a second are authenticated for this', async (t) => {
  const { world, fra, nyc, news } = dualStack();
  for (let n = 0; n < 50; n++) {
    const epoch = utcDay(world.clock.now());
    const data = encodeTrunkDatagram(
      { type: 'probe', lane: 0, epoch, sequence: 1n, timestampNs: 1n, number: n },
      new Uint8Array(16),
    );
    world.send({ from: { ...nyc.trunk, port: 5_000 + n }, to: fra.trunk, data });
  }
  world.pump();
  t.same(news, []);
  const { trunk } = fra.core.context;
  t.equal(
    Object.values(trunk.drops).reduce((sum, count) => sum + count),
    0,
  );
});

t.test('datagrams from addresses that are not registered do not use the budget', async (t) => {
  for (const make of [probe, control]) {
    const system = dualStack();
    const { news } = system;
    const forged = make(system, new Uint8Array(32).subarray(0, make === probe ? 16 : 32));
    for (let n = 0; n < 50; n++) hand(system, `198.51.100.66:${5_000 + n}`, forged);
    hand(system, '192.0.2.20:40111', make(system));
    t.match(news, [{ type: 'unlisted-source', source: { port: 40_111 } }]);
  }
});

t.test(
  'a flood of control messages does not use the budget of data, so that a probe is still reported',
  async (t) => {
    const system = dualStack();
    const forged = control(system, new Uint8Array(32));
    for (let n = 0; n < 50; n++) hand(system, `192.0.2.20:${5_000 + n}`, forged);
    hand(system, '192.0.2.20:40111', control(system));
    t.same(system.news, [], 'the budget of control messages is spent');
    hand(system, '192.0.2.20:40112', probe(system));
    t.match(system.news, [{ type: 'unlisted-source', source: { port: 40_112 } }]);
  },
);

t.test(
  'the reason of an unreachable relay is unlisted-source while it sends from such a port',
  async (t) => {
    for (const make of [probe, control]) {
      const system = dualStack();
      const { world, fra, nyc, news } = system;
      const { trunk } = fra.core.context;
      const pass = (seconds: number, from?: string) => {
        for (let n = 0; n < seconds; n++) {
          world.pass(1_000);
          if (from !== undefined) hand(system, from, make(system));
        }
      };
      pass(5, '192.0.2.20:40111');
      t.same([...trunk.relays.unreachable()], [], 'not while the relay is reachable');
      // nyc-1's probes leave from another port, so it gets no replies and says so in its probes.
      world.answers = ({ from }) => from !== 'nyc-1';
      pass(9, '192.0.2.20:40112');
      t.same([...trunk.relays.unreachable()], [{ id: 'nyc-1', reason: 'unlisted-source' }]);
      t.same(
        news.filter(({ type }) => type === 'reachability'),
        [{ type: 'reachability', reason: 'unlisted-source', before: undefined }],
      );
      const a = new FakePeer(world, { address: '203.0.113.7:40000', relay: fra, role: 0 });
      a.allocate(nyc.service);
      t.same(a.connect(parseAddress('198.51.100.9:50000'))?.errorCode(), {
        code: 447,
        reason: 'relay nyc-1 sends from a port that it has not registered',
      });
      pass(31);
      t.same(
        [...trunk.relays.unreachable()],
        [{ id: 'nyc-1', reason: 'not-heard' }],
        'after 31 s without such a datagram',
      );
    }
  },
);

t.test('each relay and each kind of datagram has its own budget', async (t) => {
  const sources = new UnregisteredSources();
  const { fra } = dualStack();
  const [one] = fra.core.context.trunk.relays.all();
  const other = Object.create(one ?? null) as RemoteRelay;
  if (one === undefined) throw new Error('no relay is known');
  let tries = 0;
  while (sources.takeTry('data', one, 0)) tries += 1;
  t.equal(tries, 10);
  t.ok(sources.takeTry('data', other, 0));
  t.ok(sources.takeTry('control', one, 0));
  t.ok(sources.takeTry('data', one, 1_000), 'a second later');
});
