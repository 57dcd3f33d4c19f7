import t from 'tap';
import { sharedSecret, trunkControlKey, trunkDataKey, utcDay } from '../../src/auth/keys.js';
import { OVERLAY_LIMITS } from '../../src/overlay/overlay-limits.js';
import { incarnation } from '../../src/registry/incarnation.js';
import { AttributeType } from '../../src/stun/attribute-types.js';
import { RefusalCause } from '../../src/stun/error-codes.js';
import { type ControlMessage, encodeControlMessage } from '../../src/trunk/control-message.js';
import {
  CONNECTION_ID,
  established,
  FakePeer,
  twoRelays,
  type World,
  type WorldRelay,
} from '../relay/world/index.js';

const controlKeys = new Map<string, Uint8Array>();

function controlKey(as: WorldRelay, to: WorldRelay): Uint8Array {
  const name = `${as.id} ${to.id}`;
  let key = controlKeys.get(name);
  if (!key) {
    const shared = sharedSecret(as.local.privateKey, Buffer.from(to.record.publicKey, 'base64'));
    key = trunkControlKey(shared, as.id, to.id);
    controlKeys.set(name, key);
  }
  return key;
}

/** Last counter sent; the relays' own counters stay below 1,000. */
let said = 1_000;

/** Sends a control message of relay `as` to `to`; source, start and key may be forged. */
function say(
  world: World,
  {
    as,
    to,
    from = as.trunk,
    start = as.local.incarnation,
    key,
  }: {
    as: WorldRelay;
    to: WorldRelay;
    from?: { address: string; port: number };
    start?: number;
    key?: Uint8Array;
  },
  control: ControlMessage,
): void {
  const real = controlKey(as, to);
  said += 1;
  const sequence = { receiverIncarnation: to.local.incarnation, counter: said };
  const data = encodeControlMessage(
    { id: as.id, incarnation: incarnation(start) },
    key ?? real,
    control,
    sequence,
  );
  world.send({ from, to: to.trunk, data });
  world.pump();
}

const close = (world: World): ControlMessage => ({
  type: 'close',
  transactionId: world.random(12),
  subject: { tenant: 'default', connectionId: CONNECTION_ID, role: 0 },
});

t.test('a forged control message is dropped and counted by reason', async (t) => {
  const { world, fra, nyc, b } = established();
  const { drops } = nyc.core.context.trunk;
  say(world, { as: fra, to: nyc, key: new Uint8Array(32) }, close(world));
  t.equal(drops.trunk_control_bad_integrity, 1);
  say(world, { as: fra, to: nyc, from: { address: '192.0.2.66', port: 3480 } }, close(world));
  t.equal(drops.trunk_control_wrong_source, 1);
  say(world, { as: fra, to: nyc, start: fra.local.incarnation - 1 }, close(world));
  t.equal(drops.trunk_control_old_start, 1);
  const stranger = world.addRelay('evil-1', '192.0.2.66');
  say(world, { as: stranger, to: nyc }, close(world));
  t.equal(drops.trunk_control_unknown_relay, 1);
  t.same(b.closed, []);
  say(world, { as: fra, to: nyc }, close(world));
  t.same(b.closed, [437], 'the genuine message closes');
});

t.test(
  'a start in the future is accepted only from the registry, and replaced by the next one',
  async (t) => {
    const { world, fra, nyc, b } = established();
    const { trunk } = nyc.core.context;
    const ahead = world.clock.now() + 86_400_000;
    say(world, { as: fra, to: nyc, start: ahead }, close(world));
    t.equal(trunk.drops.trunk_control_old_start, 1, 'in a control message');
    t.same(b.closed, [], 'ends nothing');

    const records = (start: number) =>
      [...trunk.relays.all()].map(({ id, record }) =>
        id === fra.id ? { ...record, start } : record,
      );
    nyc.core.updateRelays(records(ahead));
    t.equal(trunk.relays.get(fra.id)?.incarnation, ahead, 'in the registry');
    nyc.core.updateRelays(records(fra.local.incarnation + 1));
    t.equal(
      trunk.relays.get(fra.id)?.incarnation,
      fra.local.incarnation + 1,
      'the next start, from a correct clock',
    );
    nyc.core.updateRelays(records(fra.local.incarnation));
    t.equal(
      trunk.relays.get(fra.id)?.incarnation,
      fra.local.incarnation + 1,
      'an older start is ignored',
    );
  },
);

t.test('a relay cannot close a leg whose other end is at another relay', async (t) => {
  const { world, nyc, b } = established();
  const third = world.addRelay('lon-1', '192.0.2.30');
  world.introduce();
  say(world, { as: third, to: nyc }, close(world));
  t.same(b.closed, []);
  const [index] = [...nyc.core.context.legs.all()].map((leg) => leg.sessionIndex);
  const subject = { sessionIndex: index ?? 0 };
  say(world, { as: third, to: nyc }, { type: 'close', transactionId: world.random(12), subject });
  t.same(b.closed, []);
});

t.test('the 447 after a refused offer names the relay and its code', async (t) => {
  const { world, a, b, fra, nyc } = twoRelays();
  a.allocate(nyc.service);
  a.connect(b.address);
  const offer = world.log.findLast(({ from, to }) => from === fra.trunk && to === nyc.trunk);
  const transactionId = offer?.data.slice(8, 20) ?? new Uint8Array(12);
  say(world, { as: nyc, to: fra }, { type: 'offer-refused', transactionId, code: 508 });
  t.strictSame(a.connectAnswer?.errorCode(), { code: 447, reason: 'relay nyc-1 refuses with 508' });
  t.equal(a.connectAnswer?.u32(AttributeType.RefusalCause), RefusalCause.relaysUnreachable);
});

t.test('an offer from another relay than the Allocate named is ignored', async (t) => {
  const { world, a, b, fra, nyc } = twoRelays();
  const third = world.addRelay('lon-1', '192.0.2.30');
  world.introduce();
  b.allocate(fra.service);
  b.connect(a.address);
  say(
    world,
    { as: third, to: nyc },
    {
      type: 'offer',
      transactionId: world.random(12),
      tenant: 'default',
      connectionId: CONNECTION_ID,
      role: 0,
      mapped: a.address,
      peerAddress: b.address,
      sessionIndex: 7,
    },
  );
  t.equal(b.connectAnswer, undefined);
  t.equal(nyc.plane.sessions.size, 0);
});

t.test('a record on an unbound index closes the sender’s leg', async (t) => {
  const { world, a, b, fra, nyc } = established();
  const index = nyc.core.context.legs.all()[0]?.sessionIndex ?? 0;
  const relayIndex = nyc.core.context.trunk.relays.get('fra-1')?.relayIndex ?? 0;
  world.lose = ({ to }) => to.port === 3480;
  b.refresh(0);
  world.lose = () => false;
  nyc.core.receive({
    datagrams: [],
    events: [{ type: 'unbound-index', relayIndex, sessionIndex: index }],
  });
  world.pump();
  t.same(a.closed, [437]);
  t.equal(fra.core.context.legs.size, 0);
});

t.test('connections with a relay that restarted end with 447, and its keys change', async (t) => {
  const { world, a, b, fra, nyc } = established();
  const before = nyc.plane.remoteRelays.get(0)?.sendKeys[0]?.key;
  const start = fra.local.incarnation + 5_000;
  say(world, { as: fra, to: nyc, start }, { type: 'close-done', transactionId: world.random(12) });
  t.same(b.closed, [447]);
  t.same(a.closed, []);
  const shared = sharedSecret(nyc.local.privateKey, Buffer.from(fra.record.publicKey, 'base64'));
  const epoch = utcDay(world.clock.now());
  t.same(
    nyc.plane.remoteRelays.get(0)?.sendKeys[0]?.key,
    trunkDataKey({ shared, senderId: 'nyc-1', receiverId: 'fra-1', epoch, receiverStart: start }),
  );
  t.notSame(nyc.plane.remoteRelays.get(0)?.sendKeys[0]?.key, before);
});

t.test('a restart that the registry shows ends the connections', async (t) => {
  const { fra, nyc, b } = established();
  nyc.core.updateRelays([{ ...fra.record, start: fra.record.start + 1 }, nyc.record]);
  t.same(b.closed.length, 0, 'the Closed indication has not arrived');
  t.equal(nyc.core.context.legs.size, 0);
});

t.test(
  'a relay with traffic that answers no probe counts as gone after 5 s, and its legs end with 447',
  async (t) => {
    const { world, a, fra } = established();
    const relayIndex = fra.core.context.trunk.relays.get('nyc-1')?.relayIndex ?? 0;
    const traffic = (ms: number) => {
      for (let passed = 0; passed < ms; passed += 100) {
        fra.plane.recordsSent.set(relayIndex, (fra.plane.recordsSent.get(relayIndex) ?? 0) + 1);
        world.pass(100);
      }
    };
    world.answers = () => false;
    world.pass(20_000);
    t.same(a.closed, [], 'not without traffic');
    const probes = fra.plane.probes.length;
    traffic(4_900);
    t.same(a.closed, []);
    traffic(300);
    t.same(a.closed, [447]);
    t.ok(fra.plane.probes.length - probes >= 50, 'ten probes a second');
  },
);

t.test('a dead relay counts as gone also after sparse or one-way traffic', async (t) => {
  for (const kind of ['sparse', 'only received'] as const) {
    const { world, a, fra } = established();
    const relayIndex = fra.core.context.trunk.relays.get('nyc-1')?.relayIndex ?? 0;
    for (let n = 1; n <= 3; n += 1) {
      if (kind === 'sparse') fra.plane.recordsSent.set(relayIndex, n);
      else fra.plane.recordsReceived.set(relayIndex, n);
      world.pass(10_000);
    }
    t.same(a.closed, [], kind);
    world.answers = () => false;
    world.pass(5_300);
    t.same(a.closed, [447], kind);
  }
});

t.test(
  'a relay that answers again gets a Close for each connection that ended meanwhile',
  async (t) => {
    const { world, a, b, fra, nyc } = established();
    const relayIndex = fra.core.context.trunk.relays.get('nyc-1')?.relayIndex ?? 0;
    world.answers = ({ from }) => from !== 'fra-1';
    fra.plane.recordsSent.set(relayIndex, 1);
    world.pass(5_300);
    t.same(a.closed, [447]);
    t.equal(nyc.core.context.legs.size, 1, 'nyc still has its leg');
    world.answers = () => true;
    world.pass(1_000);
    t.same(b.closed, [437]);
    t.equal(nyc.core.context.legs.size, 0);
  },
);

t.test('a relay that restarted gets new replay windows', async (t) => {
  const { fra, nyc } = established();
  nyc.core.updateRelays([{ ...fra.record, start: fra.record.start + 1 }, nyc.record]);
  t.same(nyc.plane.remoteRelaysRemoved, [0], 'removed from the data plane and added again');
  t.ok(nyc.plane.remoteRelays.has(0));
});

t.test('a relay that left the registry is kept until its last leg ends', async (t) => {
  const { world, a, b, fra, nyc } = twoRelays();
  a.allocate(nyc.service);
  fra.core.updateRelays([fra.record]);
  const before = fra.core.context.trunk.relays.get('nyc-1');
  t.ok(before);
  fra.core.updateRelays([fra.record, nyc.record]);
  t.equal(fra.core.context.trunk.relays.get('nyc-1'), before, 'the same object after its return');
  b.allocate(fra.service);
  a.connect(b.address);
  b.connect(a.address);
  t.equal(a.connectAnswer?.messageClass, 'success');
  fra.core.updateRelays([fra.record]);
  a.refresh(0);
  world.pass(1_000);
  t.equal(fra.core.context.trunk.relays.get('nyc-1'), undefined, 'removed with the last leg');
});

t.test('the connections of a relay that restarted end in batches', async (t) => {
  const { world, fra, nyc } = twoRelays();
  const peers = [];
  for (let n = 0; n < 600; n += 1) {
    const connectionId = n.toString(16).padStart(32, '0');
    const pair = [
      new FakePeer(world, { address: `203.0.113.7:${n + 1}`, relay: fra, role: 0, connectionId }),
      new FakePeer(world, { address: `198.51.100.9:${n + 1}`, relay: nyc, role: 1, connectionId }),
    ] as const;
    pair[0].allocate(nyc.service);
    pair[1].allocate(fra.service);
    pair[0].connect(pair[1].address);
    pair[1].connect(pair[0].address);
    peers.push(pair[0]);
  }
  fra.core.updateRelays([fra.record, { ...nyc.record, start: nyc.record.start + 1 }]);
  world.pump();
  const some = OVERLAY_LIMITS.endedAtOnce;
  t.equal(peers.filter(({ closed }) => closed.length === 1).length, some);
  world.pass(100);
  t.equal(peers.filter(({ closed }) => closed.length === 1).length, 600);
});

t.test('a relay that answers its probes does not count as gone', async (t) => {
  const { world, a, fra } = established();
  const relayIndex = fra.core.context.trunk.relays.get('nyc-1')?.relayIndex ?? 0;
  for (let n = 0; n < 100; n += 1) {
    fra.plane.recordsSent.set(relayIndex, n + 1);
    world.pass(100);
  }
  t.same(a.closed, []);
  t.equal(Math.round([...fra.core.context.trunk.relays.all()][0]?.rttNs ?? 0), 1_000_000);
});

t.test('at midnight (UTC) the data plane gets the next day’s keys', async (t) => {
  const { world, fra } = established();
  const epochs = () => fra.plane.remoteRelays.get(0)?.receiveKeys.map(({ epoch }) => epoch);
  const [, today = 0] = epochs() ?? [];
  t.same(epochs(), [today - 1, today, today + 1]);
  world.pass(86_400_000, 43_200_000);
  t.same(epochs(), [today, today + 1, today + 2]);
});

t.test('a new leg of the same name ends the old connection at the other relay', async (t) => {
  const { world, a, b, fra, nyc } = established();
  world.lose = ({ to }) => to.port === 3480;
  a.refresh(0);
  a.allocate(nyc.service);
  world.lose = () => false;
  a.connect(b.address);
  world.pass(1_000);
  t.same(b.closed, [437]);
  b.allocate(fra.service);
  b.connect(a.address);
  world.pass(1_000);
  t.equal(a.connectAnswer?.messageClass, 'success');
  t.equal(b.connectAnswer?.messageClass, 'success');
  world.pass(10_000);
  t.same([a.closed, b.closed], [[], [437]], 'no late Close ends the new connection');
});

t.test('offers of one relay are limited to 16,384 and forgotten after 30 s', async (t) => {
  const { world, a, b, fra, nyc } = twoRelays();
  const offer = (n: number): ControlMessage => ({
    type: 'offer',
    transactionId: world.random(12),
    tenant: 'default',
    connectionId: n.toString(16).padStart(32, '0'),
    role: 0,
    mapped: a.address,
    peerAddress: b.address,
    sessionIndex: n,
  });
  for (let n = 0; n < 16_385; n += 1) say(world, { as: fra, to: nyc }, offer(n));
  t.equal(nyc.core.context.offers.refused, 1);
  world.pass(31_000, 1_000);
  say(world, { as: fra, to: nyc }, offer(99_999));
  t.equal(nyc.core.context.offers.refused, 1);
});
