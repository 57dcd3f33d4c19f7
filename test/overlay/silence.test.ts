import t from 'tap';
import { listenerHandle } from '../../src/native/transport-handle.js';
import { OVERLAY_LIMITS } from '../../src/overlay/overlay-limits.js';
import { AttributeType } from '../../src/stun/attribute-types.js';
import { RefusalCause } from '../../src/stun/error-codes.js';
import { Method } from '../../src/stun/methods.js';
import { flowKey } from '../relay/world/fake-plane.js';
import { established, FakePeer, type World, type WorldRelay } from '../relay/world/index.js';

const FAST = 'fast';

/** Adds `packets` to the data plane's count of those that `peer` sent on its only leg. */
function sends(peer: FakePeer, packets = 1): void {
  const tuple = { handle: listenerHandle('client', 0), remote: peer.address };
  const { plane } = peer.relay;
  for (const [key] of plane.clientFlows) {
    if (!key.startsWith(flowKey({ worker: 1, tuple, channel: 0 }).slice(0, -1))) continue;
    plane.packetsFrom.set(key, (plane.packetsFrom.get(key) ?? 0) + packets);
  }
}

/** Adds `packets` to the data plane's count of those for `peer` from the trunk. */
function receives(peer: FakePeer, packets = 1): void {
  const { plane } = peer.relay;
  for (const index of plane.sessions.keys()) {
    plane.packetsTo.set(index, (plane.packetsTo.get(index) ?? 0) + packets);
  }
}

/** Connects two peers at two relays or at one; with `promise`, they send LIVENESS of 1 s. */
function pair(kind: 'two relays' | 'one relay', promise?: typeof FAST) {
  const system = established();
  const { world, fra, nyc } = system;
  const relayB = kind === 'two relays' ? nyc : fra;
  const id = 'ff'.repeat(16);
  const make = (address: string, relay: WorldRelay, role: 0 | 1) => {
    const peer = new FakePeer(world, { address, relay, role, connectionId: id });
    if (promise === FAST) peer.livenessSeconds = 1;
    return peer;
  };
  for (const peer of [system.a, system.b]) peer.refresh(0);
  world.pass(1_000);
  const a = make('203.0.113.8:1000', fra, 0);
  const b = make('198.51.100.8:2000', relayB, 1);
  a.allocate(relayB.service);
  b.allocate(fra.service);
  a.connect(b.address);
  b.connect(a.address);
  const aSends = () => {
    sends(a);
    if (kind === 'two relays') receives(b);
  };
  const bSends = () => {
    sends(b);
    if (kind === 'two relays') receives(a);
  };
  return { world, a, b, aSends, bSends, fra, relayB };
}

/** Lets time pass, and calls `each` before every 500 ms of it. */
function passWith(world: World, ms: number, each: () => void): void {
  for (let passed = 0; passed < ms; passed += 500) {
    each();
    world.pass(500);
  }
}

for (const kind of ['two relays', 'one relay'] as const) {
  t.test(`${kind}: the leg of a peer that died while data flows ends after 5 s`, async (t) => {
    const { world, a, b, aSends, bSends, relayB } = pair(kind, FAST);
    passWith(world, 20_000, () => {
      aSends();
      bSends();
    });
    t.strictSame([a.closed, b.closed], [[], []], 'no leg ends while data flows');
    b.die();
    passWith(world, 4_000, aSends);
    t.strictSame(a.closed, [], 'not at once');
    passWith(world, 2_000, aSends);
    t.strictSame(a.closed, [408], 'the other peer is silent');
    t.strictSame(b.closed, [437], 'the silent peer gets Closed too');
    const closed = b.inbox.findLast(({ method }) => method === Method.Closed);
    t.equal(closed?.u32(AttributeType.RefusalCause), RefusalCause.peerUnheard);
    t.equal(relayB.core.context.stats.legs.closed_silent, 1);
    t.equal(relayB.plane.clientFlows.size, 0);
  });

  t.test(
    `${kind}: a peer that sends indications or requests within its LIVENESS is not silent`,
    async (t) => {
      const { world, a, b, aSends } = pair(kind, FAST);
      passWith(world, 30_000, () => {
        aSends();
        if (world.clock.now() % 1_000 === 0) b.indicate();
      });
      passWith(world, 30_000, () => {
        aSends();
        if (world.clock.now() % 2_000 === 0) b.refresh(600);
      });
      t.strictSame([a.closed, b.closed], [[], []]);
    },
  );

  for (const gapMs of [1_000, 3_000, 600_000]) {
    t.test(`${kind}: data each ${gapMs / 1_000} s is enough to find a dead peer`, async (t) => {
      const { world, a, b, aSends } = pair(kind, FAST);
      world.pass(20_000);
      const sends = () => world.clock.now() % gapMs === 0 && aSends();
      aSends();
      passWith(world, 60_000, sends);
      t.strictSame([a.closed, b.closed], [[], []], 'a living peer answers the reminders');
      t.ok(b.reminders > 0);
      b.die();
      aSends();
      passWith(world, 4_000, sends);
      t.strictSame(a.closed, [], 'not at once');
      passWith(world, 2_000, sends);
      t.strictSame(a.closed, [408]);
    });
  }

  t.test(
    `${kind}: a peer without data gets no reminder and is judged by its keepalives`,
    async (t) => {
      const { world, a, b } = pair(kind, FAST);
      world.pass(120_000);
      t.strictSame([a.reminders, b.reminders, a.closed, b.closed], [0, 0, [], []]);
      b.die();
      world.pass(30_000);
      t.strictSame(a.closed, []);
    },
  );

  t.test(`${kind}: the LIVENESS of the newest request applies`, async (t) => {
    const { world, a, b, aSends } = pair(kind, FAST);
    b.livenessSeconds = 3;
    b.connect(a.address);
    b.livenessSeconds = undefined;
    b.die();
    passWith(world, 12_000, aSends);
    t.strictSame(a.closed, [], 'within 15 s');
    passWith(world, 5_000, aSends);
    t.strictSame(a.closed, [408]);
    const old = pair(kind, FAST);
    old.b.livenessSeconds = undefined;
    old.b.connect(old.a.address);
    old.b.die();
    passWith(old.world, 30_000, old.aSends);
    t.strictSame([old.a.closed, old.b.reminders], [[], 0], 'without LIVENESS');
  });

  t.test(`${kind}: a peer without LIVENESS is judged by its keepalives`, async (t) => {
    const { world, a, b, aSends } = pair(kind);
    passWith(world, 120_000, aSends);
    t.strictSame([a.closed, b.closed], [[], []], 'a keepalive every 15 s');
    b.die();
    passWith(world, 30_000, aSends);
    t.strictSame(a.closed, [], 'two keepalives are missing');
    passWith(world, 25_000, aSends);
    t.strictSame(a.closed, [408]);
  });

  t.test(`${kind}: the leg of an idle peer that died ends before its lifetime`, async (t) => {
    const { world, a, b } = pair(kind);
    world.pass(120_000);
    a.die();
    world.pass(OVERLAY_LIMITS.peerSilentMs + 2_000);
    t.strictSame(b.closed, [408]);
  });

  t.test(`${kind}: no leg ends because the relay's process was stopped`, async (t) => {
    const { world, a, b, aSends } = pair(kind, FAST);
    passWith(world, 3_000, aSends);
    for (const ms of [10_000, 300_000]) {
      world.clock.advance(ms);
      aSends();
      world.pass(500);
      t.strictSame([a.closed, b.closed], [[], []], `${ms} ms`);
      b.indicate();
    }
  });

  t.test(`${kind}: no leg ends because the data plane's counters start again`, async (t) => {
    const { world, a, b, aSends, bSends, fra, relayB } = pair(kind, FAST);
    passWith(world, 10_000, () => {
      aSends();
      bSends();
    });
    for (const { plane } of [fra, relayB]) {
      plane.packetsFrom.clear();
      plane.packetsTo.clear();
    }
    world.pass(10_000);
    t.strictSame([a.closed, b.closed], [[], []]);
  });
}

t.test('data on one leg is a sign of life for all legs of its 5-tuple', async (t) => {
  const { world, a, b, bSends, fra, relayB } = pair('two relays', FAST);
  const second = (like: FakePeer) => {
    const { role, relay } = like;
    const connectionId = 'ee'.repeat(16);
    const address = `${like.address.address}:${like.address.port}`;
    const peer = new FakePeer(world, { address, relay, role, connectionId });
    peer.die();
    return peer;
  };
  const [a2, b2] = [second(a), second(b)];
  a2.allocate(relayB.service);
  b2.allocate(fra.service);
  a2.connect(b2.address);
  b2.connect(a2.address);
  t.equal(a2.connectAnswer?.messageClass, 'success');
  a.die();
  b.die();
  const onFirst = () => {
    sends(a);
    bSends();
  };
  passWith(world, 120_000, onFirst);
  t.equal(fra.core.context.legs.size, 2, 'the idle leg remains');
});

t.test('legs that are added and removed do not affect the watch of the others', async (t) => {
  const { world, fra, relayB } = pair('two relays');
  const peers: FakePeer[] = [];
  for (let number = 0; number < 200; number++) {
    const connectionId = number.toString(16).padStart(32, '0');
    const a = new FakePeer(world, {
      address: `203.0.113.9:${10_000 + number}`,
      relay: fra,
      role: 0,
      connectionId,
    });
    const b = new FakePeer(world, {
      address: `198.51.100.7:${10_000 + number}`,
      relay: relayB,
      role: 1,
      connectionId,
    });
    a.allocate(relayB.service);
    b.allocate(fra.service);
    a.connect(b.address);
    b.connect(a.address);
    peers.push(a);
    if (number % 3 === 0) a.refresh(0);
    if (number % 7 === 1) a.die();
  }
  world.pass(60_000);
  const living = peers.filter((_, number) => number % 3 !== 0 && number % 7 !== 1);
  t.equal(fra.core.context.legs.size, living.length + 1);
  for (const peer of living) t.strictSame(peer.closed, []);
});

t.test('the packet counters of an idle leg with keepalives are rarely read', async (t) => {
  const { world, fra, a, aSends, bSends } = pair('two relays', FAST);
  let looked = 0;
  const { plane } = fra;
  const count = plane.flowPackets.bind(plane);
  plane.flowPackets = (meter) => {
    looked += 1;
    return count(meter);
  };
  world.pass(60_000);
  const idle = looked;
  t.ok(idle <= 60, 'at most a few times per keepalive');
  passWith(world, 10_000, () => {
    aSends();
    bSends();
  });
  t.ok(looked >= idle + 10, 'they are read while data flows');
  t.strictSame(a.closed, []);
});
