import t from 'tap';
import { parseAddress } from '../../src/address.js';
import { type Timed, TimingWheel } from '../../src/collections/timing-wheel.js';
import { OVERLAY_LIMITS } from '../../src/overlay/overlay-limits.js';
import {
  type CountedOffer,
  OFFER_REMEMBERED_MS,
  ReceivedOffers,
} from '../../src/overlay/received-offers.js';
import { LEG_LIMITS } from '../../src/stun/leg-limits.js';
import { FakePeer, twoRelays } from '../relay/world/index.js';

const idOf = (n: number) => n.toString(16).padStart(32, '0');

function offerOf(tenant: string, n: number): CountedOffer {
  return {
    type: 'offer',
    transactionId: new Uint8Array(12).fill(n % 256),
    tenant,
    connectionId: idOf(n),
    role: 0,
    mapped: parseAddress('192.0.2.1:1'),
    peerAddress: parseAddress('192.0.2.2:2'),
    sessionIndex: n,
    counter: 0,
  };
}

t.test(
  'a tenant’s offers leave room for other tenants’ within one relay’s bound and within that of all',
  async (t) => {
    for (const [name, table, senders] of [
      ['one relay', new ReceivedOffers(100, 1_000), 1],
      ['all relays', new ReceivedOffers(100, 200), 4],
    ] as const) {
      for (let n = 0; n < 1_000; n++) table.put(`relay-${n % senders}`, offerOf('greedy', n), 0);
      t.ok(table.refused > 0, name);
      for (let n = 0; n < 20; n++) {
        t.equal(table.put('relay-0', offerOf('small', n), 1), 'remembered', name);
      }
      for (let n = 0; n < 20; n++) t.ok(table.get('relay-0', offerOf('small', n), 2), name);
      t.equal(table.put('relay-0', offerOf('greedy', 5_000), 3), 'full', name);
      table.expire(OFFER_REMEMBERED_MS + 10);
      t.equal(table.put('relay-0', offerOf('greedy', 5_001), 40_000), 'remembered', name);
    }
  },
);

t.test('offers of one relay for many tenants displace none of another relay', async (t) => {
  const table = new ReceivedOffers(100, 1_000);
  table.put('honest', offerOf('small', 1), 0);
  for (let n = 0; n < 1_000; n++) table.put('stolen', offerOf(`t${n}`, n), 0);
  t.ok(table.get('honest', offerOf('small', 1), 1));
});

t.test(
  'a turn of the wheel takes a tenant’s few due items before most of another’s many',
  async (t) => {
    const wheel = new TimingWheel<Timed & { share: string }>(100, 0, ({ share }) => share);
    const many = Array.from({ length: 1_000 }, () => ({ share: 'greedy' }));
    const few = Array.from({ length: 3 }, () => ({ share: 'small' }));
    for (const item of [...many, ...few]) wheel.set(item, 500);
    const first = wheel.turn(600, 10);
    t.equal(first.filter(({ share }) => share === 'small').length, 3);
    t.ok(wheel.ripe);
  },
);

t.test(
  'attempts of one tenant that all fail at once do not delay another tenant’s 447',
  async (t) => {
    const { world, fra, nyc } = twoRelays();
    const peers = Array.from({ length: 1_001 }, (_, n) => {
      const address = `203.0.113.7:${10_000 + n}`;
      const tenant = n < 1_000 ? 'greedy' : 'small';
      return new FakePeer(world, { address, relay: fra, role: 0, tenant, connectionId: idOf(n) });
    });
    const victim = peers.at(-1) as FakePeer;
    for (const peer of peers) {
      peer.allocate(nyc.service);
      peer.connect(parseAddress('198.51.100.9:9'));
    }
    world.clock.advance(LEG_LIMITS.connectMs + 200);
    fra.core.tick();
    world.pump();
    t.equal(victim.connectAnswer?.errorCode()?.code, 447, 'in the first batch of due legs');
    const answered = peers.filter(({ connectAnswer }) => connectAnswer !== undefined).length;
    t.ok(answered <= 2 * OVERLAY_LIMITS.endedAtOnce, `${answered} of 1,001`);
  },
);

t.test('the 5-tuple of a closed leg without a channel is removed at once', async (t) => {
  const { fra, nyc, world } = twoRelays();
  const legs = fra.core.context.legs;
  for (let n = 0; n < 50; n++) {
    const address = `203.0.113.7:${10_000 + n}`;
    const peer = new FakePeer(world, { address, relay: fra, role: 0, connectionId: idOf(n) });
    peer.allocate(nyc.service);
    peer.refresh(0);
  }
  t.equal(legs.size, 0);
  t.equal(legs.tuples.size, 0);
});
