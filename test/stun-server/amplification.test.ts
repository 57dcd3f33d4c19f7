import t from 'tap';
import { decodeMessage } from '../../src/stun/message.js';
import { type FakePeer, twoRelays, type World } from '../relay/world/index.js';

const TRUNK_PORT = 3480;
const CONTROL_SEQUENCE = 0xff05;
/** Length of the attribute that a relay adds to each control message, with its header. */
const CONTROL_SEQUENCE_BYTES = 20;

/** Maximum bytes of control traffic between relays for each byte that a tenant sends. */
const RATIO_MAX = 2;

function controlBytes(data: Uint8Array): number {
  const decoded = decodeMessage(data);
  const has = decoded.ok && decoded.message.has(CONTROL_SEQUENCE);
  return data.length + (has ? 0 : CONTROL_SEQUENCE_BYTES);
}

/** Returns the bytes of control traffic for each byte that peers sent. */
function ratioOf({ log }: World): number {
  let [sent, caused] = [0, 0];
  for (const { from, to, data } of log) {
    if (to.port === TRUNK_PORT) caused += controlBytes(data);
    else if (from.port !== TRUNK_PORT && to.port === 3478) sent += data.length;
  }
  return caused / sent;
}

function offersIn({ log }: World): number {
  return log.filter(({ to, data }) => to.port === TRUNK_PORT && data[0] === 0 && data[1] === 0x0a)
    .length;
}

type System = ReturnType<typeof twoRelays>;

function allocated(system: System): System {
  const { a, b, fra, nyc } = system;
  a.allocate(nyc.service);
  b.allocate(fra.service);
  return system;
}

/** Loses the responses to closes, so that relays repeat closes as often as they can. */
function loseCloseAnswers({ world }: System): void {
  world.lose = ({ to, data }) => to.port === TRUNK_PORT && data[0] === 1 && data[1] === 4;
}

/** Actions of a tenant that make relays send control messages. */
const WAYS: Record<string, (system: System) => void> = {
  'Connects without a partner': ({ world, a, b, nyc }) => {
    a.allocate(nyc.service);
    for (let attempt = 0; attempt < 5; attempt++) {
      a.connect(b.address);
      world.pass(30_200);
    }
  },
  'Connects without a partner, repeated fast': ({ world, a, b, nyc }) => {
    a.allocate(nyc.service);
    for (let passed = 0; passed < 30_000; passed += 100) {
      a.connect(b.address);
      world.pass(100);
    }
  },
  'Connects with changing addresses': (system) => {
    const { world, a, b } = allocated(system);
    b.connect(a.address);
    for (let passed = 0; passed < 10_000; passed += 100) {
      a.connect({ ...b.address, port: 1 + (passed % 60_000) });
      world.pass(100);
    }
  },
  'legs closed while they connect': ({ world, a, b, nyc }) => {
    for (let life = 0; life < 20; life++) {
      a.allocate(nyc.service);
      a.connect(b.address);
      a.refresh(0);
      world.pass(1_000);
    }
  },
  'legs closed while they connect, with responses to closes lost': (system) => {
    loseCloseAnswers(system);
    WAYS['legs closed while they connect']?.(system);
    system.world.pass(60_000);
  },
  'Connects of both sides that mismatch': (system) => {
    const { world, a, b } = allocated(system);
    for (let attempt = 0; attempt < 20; attempt++) {
      a.connect({ ...b.address, port: 1 });
      b.connect({ ...a.address, port: 1 });
      world.pass(600);
    }
  },
  'Connects of one side that mismatch': (system) => {
    const { world, a, b } = allocated(system);
    for (let attempt = 0; attempt < 20; attempt++) {
      b.connect(a.address);
      a.connect({ ...b.address, port: 1 });
      a.connect({ ...b.address, port: 2 });
      world.pass(600);
    }
  },
  'connections opened and closed': (system) => {
    const { world, a, b } = system;
    for (let life = 0; life < 20; life++) {
      allocated(system);
      a.connect(b.address);
      b.connect(a.address);
      a.refresh(0);
      world.pass(100);
    }
  },
  'connections closed with responses to closes lost': (system) => {
    loseCloseAnswers(system);
    const { world, a, b } = system;
    for (let life = 0; life < 10; life++) {
      allocated(system);
      a.connect(b.address);
      b.connect(a.address);
      a.refresh(0);
      world.pass(40_000);
    }
  },
  'Connects with another address after a match': (system) => {
    const { world, a, b } = allocated(system);
    for (let attempt = 0; attempt < 20; attempt++) {
      a.connect(b.address);
      world.pass(600);
      b.connect(a.address);
      a.connect({ ...b.address, port: 1 });
      b.connect({ ...a.address, port: 1 });
      world.pass(600);
    }
  },
  'partners that connect late': (system) => {
    const { world, a, b } = system;
    for (let attempt = 0; attempt < 10; attempt++) {
      allocated(system);
      a.connect(b.address);
      world.pass(29_000);
      allocated(system);
      world.pass(1_100);
      b.connect(a.address);
      world.pass(31_000);
    }
  },
  'legs deleted before the other side connects': (system) => {
    const { world, a, b, fra, nyc } = system;
    b.allocate(fra.service);
    for (let life = 0; life < 20; life++) {
      a.allocate(nyc.service);
      a.connect(b.address);
      a.refresh(0);
      b.connect(a.address);
      world.pass(1_000);
    }
  },
  'peers that name a relay where the other peer is not': (system) => {
    const { world, a, b, fra, nyc } = system;
    const lon = world.addRelay('lon-1', '192.0.2.30');
    world.introduce();
    a.allocate(nyc.service);
    b.allocate(lon.service);
    for (let passed = 0; passed < 20_000; passed += 500) {
      a.connect(b.address);
      b.connect(a.address);
      world.pass(500);
    }
    t.equal(fra.core.context.legs.size + nyc.core.context.legs.size, 2);
  },
};

for (const [way, act] of Object.entries(WAYS)) {
  t.test(`control traffic is at most twice the bytes that a tenant sends: ${way}`, async (t) => {
    // The shortest tenant and SHA-1 make the shortest requests.
    const system = twoRelays({
      a: { tenant: 'a', kind: 'sha1' },
      b: { tenant: 'a', kind: 'sha1' },
    });
    act(system);
    const ratio = ratioOf(system.world);
    t.ok(ratio > 0 && ratio <= RATIO_MAX, `${ratio.toFixed(2)}`);
    t.comment(`${ratio.toFixed(2)} bytes for each byte sent`);
  });
}

t.test('one Connect causes one offer, however long it waits', async (t) => {
  const { world, a, b, nyc } = twoRelays();
  a.allocate(nyc.service);
  a.connect(b.address);
  world.pass(29_000);
  t.equal(offersIn(world), 1);
});

t.test('offers for repeated Connects are 500 ms apart, then at growing intervals', async (t) => {
  const { world, a, b, nyc } = twoRelays();
  a.allocate(nyc.service);
  const begun = world.clock.monotonic();
  const at: number[] = [];
  for (let passed = 0; passed < 29_000; passed += 100) {
    const before = offersIn(world);
    a.connect(b.address);
    if (offersIn(world) > before) at.push(world.clock.monotonic() - begun);
    world.pass(100);
  }
  t.strictSame(at, [0, 500, 1_000, 1_500, 2_000, 3_000, 5_000, 9_000, 17_000, 25_000]);
});

t.test('a relay that receives an offer repeats its own unanswered one', async (t) => {
  const { world, a, b, fra } = allocated(twoRelays());
  a.connect(b.address);
  for (let seconds = 0; seconds < 8; seconds++) {
    world.pass(1_000);
    a.connect(b.address);
  }
  // Loses the first response of nyc, with which it accepts fra's offer.
  let lost = 0;
  world.lose = ({ from, to, data }) => {
    const wanted = to.port === TRUNK_PORT && from.address !== fra.trunk.address && data[0] === 1;
    if (wanted) lost += 1;
    return wanted && lost === 1;
  };
  b.connect(a.address);
  t.equal(lost > 1, true);
  for (const peer of [a, b]) t.equal(peer.connectAnswer?.messageClass, 'success');
});

t.test('a repeated refused offer is refused again and does not end a new attempt', async (t) => {
  const { world, a, b, fra, nyc } = allocated(twoRelays());
  a.connect({ ...b.address, port: 1 });
  const offer = world.log.findLast(({ from, to }) => from === fra.trunk && to === nyc.trunk);
  b.connect(a.address);
  t.equal(b.connectAnswer?.errorCode()?.code, 403);
  const before = world.log.length;
  if (offer) world.send(offer);
  world.pump();
  const answers = world.log.slice(before + 1);
  t.strictSame(
    answers
      .map(({ data }) => decodeMessage(data))
      .map((each) => each.ok && each.message.errorCode()?.code),
    [403],
  );
  const answered = b.inbox.length;
  b.connect(a.address);
  t.equal(b.inbox.length, answered, 'the new attempt waits for the other peer');
});

t.test('peers that repeat their Connects are joined at 20 % loss', async (t) => {
  for (let seed = 0; seed < 40; seed++) {
    const { world, a, b } = allocated(twoRelays());
    let turn = seed;
    world.lose = () => {
      turn = (turn * 1_103_515_245 + 12_345) % 2 ** 31;
      return turn / 2 ** 31 < 0.2;
    };
    const isJoined = ({ connectAnswer }: FakePeer) => connectAnswer?.messageClass === 'success';
    for (let passed = 0; passed < 15_000 && !(isJoined(a) && isJoined(b)); passed += 500) {
      if (!isJoined(a)) a.connect(b.address);
      if (passed >= 5_000 && !isJoined(b)) b.connect(a.address);
      world.pass(500);
    }
    t.ok(isJoined(a) && isJoined(b), `seed ${seed}`);
  }
});
