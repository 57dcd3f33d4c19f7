import t from 'tap';
import { TurnpikeError } from '../../src/errors.js';
import { AttributeType, UDP_PROTOCOL } from '../../src/stun/attribute-types.js';
import { Method } from '../../src/stun/methods.js';
import { TURN_LIMITS } from '../../src/turn/turn-limits.js';
import {
  bindError,
  type Content,
  family,
  RELAY_V4,
  RELAY_V6,
  relayedOf,
  TurnClient,
  TurnWorld,
} from './world/index.js';

const {
  RequestedAddressFamily,
  AdditionalAddressFamily,
  AddressErrorCode,
  EvenPort,
  ReservationToken,
  DontFragment,
  Lifetime,
  XorMappedAddress,
} = AttributeType;

const evenPort = (reserves: boolean): Content => {
  return (writer) => void writer.bytes(EvenPort, Uint8Array.of(reserves ? 0x80 : 0));
};

const both = (...all: Content[]): Content => {
  return (writer) => {
    for (const each of all) each(writer);
  };
};

t.test('a success names the relayed address, the lifetime and the client', async (t) => {
  for (const kind of ['sha1', 'sha256'] as const) {
    const world = new TurnWorld();
    const client = new TurnClient(world, { worker: 1 });
    const answer = await client.allocate(() => {}, { kind });
    t.equal(answer.messageClass, 'success');
    const [relayed] = relayedOf(answer);
    t.equal(relayed?.address, RELAY_V4.advertised);
    t.ok(relayed && relayed.port >= 50_000 && relayed.port <= 50_999);
    t.equal(answer.message.lifetimeSeconds(), 600);
    t.same(answer.message.address(XorMappedAddress), client.address);
    t.notOk(answer.message.has(ReservationToken));
    t.notOk(answer.message.has(AttributeType.Fingerprint));
    const [endpoint] = world.plane.endpoints.values();
    t.match(endpoint, {
      kind: 'relayed',
      worker: 1,
      address: { address: RELAY_V4.address, port: relayed?.port },
    });
    const [put] = world.plane.allocations.values();
    t.equal(put?.seconds, 600);
    t.match(put?.action, { worker: 1, tuple: client.tuple, relayed: endpoint?.handle });
    t.ok(world.proven.has(`${client.tuple.handle}||192.0.2.1:5000`));
    t.equal(world.turn.allocations, 1);
  }
});

t.test('a response has FINGERPRINT if its request has', async (t) => {
  const client = new TurnClient(new TurnWorld());
  const { message } = await client.allocate(() => {}, { fingerprint: true });
  t.ok(message.has(AttributeType.Fingerprint));
});

t.test('the lifetime is at least 600 s and at most 3,600 s', async (t) => {
  for (const [wanted, given] of [
    [0, 600],
    [30, 600],
    [601, 601],
    [3_600, 3_600],
    [0xffff_ffff, 3_600],
  ] as const) {
    const world = new TurnWorld();
    const answer = await new TurnClient(world).allocate((writer) => {
      writer.u32(Lifetime, wanted);
    });
    t.equal(answer.message.lifetimeSeconds(), given);
    t.equal([...world.plane.allocations.values()][0]?.seconds, given);
  }
});

t.test('requests that the RFC forbids are refused', async (t) => {
  const token = (writer: Parameters<Content>[0]) =>
    void writer.bytes(ReservationToken, new Uint8Array(8));
  const cases: readonly [string, Content, number][] = [
    ['REQUESTED-TRANSPORT missing', () => {}, 400],
    ['TCP', (writer) => void writer.requestedTransport(6), 442],
    ['REQUESTED-TRANSPORT of 3 bytes', (w) => void w.bytes(0x0019, new Uint8Array(3)), 400],
    ['an unknown transport', (writer) => void writer.requestedTransport(99), 442],
  ];
  const udp: readonly [string, Content, number][] = [
    ['LIFETIME of 2 bytes', (writer) => void writer.bytes(Lifetime, new Uint8Array(2)), 400],
    ['an unknown family', family(RequestedAddressFamily, 3), 440],
    ['a family of 1 byte', (w) => void w.bytes(RequestedAddressFamily, Uint8Array.of(1)), 400],
    ['IPv4 as additional family', family(AdditionalAddressFamily, 1), 400],
    ['EVEN-PORT without value', (w) => void w.bytes(EvenPort, new Uint8Array(0)), 400],
    ['a token of 7 bytes', (w) => void w.bytes(ReservationToken, new Uint8Array(7)), 400],
    ['a token that nobody has', token, 508],
    ['token and EVEN-PORT', both(token, evenPort(false)), 400],
    ['token and family', both(token, family(RequestedAddressFamily, 1)), 400],
    ['token and additional family', both(token, family(AdditionalAddressFamily, 2)), 400],
    [
      'two kinds of families',
      both(family(RequestedAddressFamily, 1), family(AdditionalAddressFamily, 2)),
      400,
    ],
    ['reserving for two families', both(evenPort(true), family(AdditionalAddressFamily, 2)), 400],
    ['an unknown required attribute', (writer) => void writer.u32(0x0024, 1), 420],
  ];
  const whole = udp.map(([name, content, code]): [string, Content, number] => [
    name,
    both((writer) => void writer.requestedTransport(UDP_PROTOCOL), content),
    code,
  ]);
  for (const [name, content, code] of [...cases, ...whole]) {
    const world = new TurnWorld();
    const answer = await new TurnClient(world).ask(Method.Allocate, content);
    t.equal(answer.code, code, name);
    if (code === 420) t.equal(answer.message.unknownAttributes()?.length, 1, name);
    t.equal(world.plane.asked.length, 0, name);
    t.equal(world.turn.relayedPorts, 0, name);
  }
});

t.test('the family is IPv4 unless another is asked for', async (t) => {
  const world = new TurnWorld();
  const first = await new TurnClient(world, { port: 1 }).allocate(
    family(RequestedAddressFamily, 2),
  );
  t.equal(relayedOf(first)[0]?.address, RELAY_V6.advertised);
  const second = await new TurnClient(world, { port: 2 }).allocate(
    family(RequestedAddressFamily, 1),
  );
  t.equal(relayedOf(second)[0]?.address, RELAY_V4.advertised);
  const only6 = new TurnWorld({ relayedAddresses: [RELAY_V6] });
  t.equal((await new TurnClient(only6, { port: 1 }).allocate()).code, 440);
  const sixth = await new TurnClient(only6, { port: 2 }).allocate(
    family(RequestedAddressFamily, 2),
  );
  t.equal(relayedOf(sixth)[0]?.address, RELAY_V6.advertised);
});

t.test('a dual allocation has an address of each family', async (t) => {
  const world = new TurnWorld();
  const answer = await new TurnClient(world).allocate(family(AdditionalAddressFamily, 2));
  t.same(
    relayedOf(answer).map(({ address }) => address),
    [RELAY_V4.advertised, RELAY_V6.advertised],
  );
  t.notOk(answer.message.has(AddressErrorCode));
  t.equal(world.turn.allocations, 1);
  t.equal(world.plane.allocations.size, 2);
});

t.test('a half-failed dual allocation says which family failed, and why', async (t) => {
  const errorOf = (answer: Awaited<ReturnType<TurnClient['allocate']>>) => {
    const value = answer.message.get(AddressErrorCode) ?? new Uint8Array(4);
    return [value[0], 100 * (value[2] as number) + (value[3] as number)];
  };
  const only4 = new TurnWorld({ relayedAddresses: [RELAY_V4] });
  const ask = (world: TurnWorld) =>
    new TurnClient(world).allocate(family(AdditionalAddressFamily, 2));
  const without6 = await ask(only4);
  t.same(relayedOf(without6).length, 1);
  t.same(errorOf(without6), [2, 440]);
  const without4 = await ask(new TurnWorld({ relayedAddresses: [RELAY_V6] }));
  t.same(errorOf(without4), [1, 440]);
  const limits = { allocationsMax: 1, userQuota: 9, permissionsMax: 9, channelsMax: 9 };
  const full = await ask(new TurnWorld({ limits }));
  t.same(relayedOf(full)[0]?.address, RELAY_V4.advertised);
  t.same(errorOf(full), [2, 508]);
});

t.test('a retransmission joins an Allocate in progress, and gets its response later', async (t) => {
  const world = new TurnWorld();
  const client = new TurnClient(world);
  world.plane.holdsOpens = true;
  const transactionId = TurnClient.transactionId();
  const udp: Content = (writer) => void writer.requestedTransport(UDP_PROTOCOL);
  t.same(await client.send(Method.Allocate, udp, { transactionId }), []);
  t.same(await client.send(Method.Allocate, udp, { transactionId }), []);
  t.equal((await client.allocate()).code, 437, 'another transaction');
  t.equal((await client.allocate(() => {}, { username: 'bob' })).code, 437, 'another user');
  t.equal((await client.refresh(600)).code, 437, 'no allocation yet');
  world.plane.settle();
  await world.pass(0);
  const first = client.answerIn(world.takeFor(client.address));
  t.equal(first.messageClass, 'success');
  const again = await client.ask(Method.Allocate, udp, { transactionId });
  t.same(Buffer.from(again.message.bytes), Buffer.from(first.message.bytes), 'byte for byte');
  t.equal(world.plane.asked.length, 1);
  t.equal((await client.allocate()).code, 437, 'the same user, another transaction');
  await world.pass(TURN_LIMITS.responseKeptMs / 1_000 + 1);
  const late = await client.ask(Method.Allocate, udp, { transactionId });
  t.equal(late.messageClass, 'success', 'made anew after 40 s');
});

t.test('no response is repeated to another user', async (t) => {
  const client = new TurnClient(new TurnWorld());
  const transactionId = TurnClient.transactionId();
  t.equal((await client.allocate(() => {}, { transactionId })).messageClass, 'success');
  const other = await client.allocate(() => {}, { transactionId, username: 'bob' });
  t.equal(other.code, 437);
});

t.test('a refusal is repeated, too', async (t) => {
  const world = new TurnWorld();
  const client = new TurnClient(world);
  world.plane.openError = bindError('EMFILE', { address: { address: '::', port: 0 } });
  const transactionId = TurnClient.transactionId();
  t.equal((await client.allocate(() => {}, { transactionId })).code, 508);
  t.equal(world.turn.relayedPorts, 0);
  world.plane.openError = undefined;
  t.equal((await client.allocate(() => {}, { transactionId })).code, 508);
  t.equal(world.turn.allocations, 0);
  t.equal((await client.allocate()).messageClass, 'success');
});

t.test(
  'EVEN-PORT gives an even port, and with R reserves the next one for its token',
  async (t) => {
    const world = new TurnWorld();
    for (let port = 1; port <= 20; port += 1) {
      const [even] = relayedOf(await new TurnClient(world, { port }).allocate(evenPort(false)));
      t.equal((even?.port ?? 1) % 2, 0);
    }
    const answer = await new TurnClient(world, { port: 100 }).allocate(evenPort(true));
    const token = answer.message.get(ReservationToken);
    const [relayed] = relayedOf(answer);
    t.equal(token?.length, 8);
    const next: Content = (writer) =>
      void writer.bytes(ReservationToken, token ?? new Uint8Array());
    const thief = new TurnClient(world, { port: 101, username: 'bob' });
    t.equal((await thief.allocate(next)).code, 508, "another user's token");
    const second = await new TurnClient(world, { port: 102, worker: 0 }).allocate(next);
    t.equal(relayedOf(second)[0]?.port, (relayed?.port ?? 0) + 1);
    t.equal(world.plane.asked.at(-1)?.worker, 0);
    t.equal((await new TurnClient(world, { port: 103 }).allocate(next)).code, 508, 'used up');
  },
);

t.test('a reservation ends after 30 s, and its port is freed', async (t) => {
  const world = new TurnWorld();
  const answer = await new TurnClient(world, { port: 1 }).allocate(evenPort(true));
  const token = answer.message.get(ReservationToken) ?? new Uint8Array();
  t.equal(world.turn.relayedPorts, 2);
  await world.pass(29);
  t.equal(world.turn.relayedPorts, 2);
  await world.pass(2);
  t.equal(world.turn.relayedPorts, 1);
  const late = await new TurnClient(world, { port: 2 }).allocate((writer) => {
    writer.bytes(ReservationToken, token);
  });
  t.equal(late.code, 508);
});

t.test('a busy data plane leaves a token valid, and a bound port ends it', async (t) => {
  const world = new TurnWorld();
  const first = await new TurnClient(world, { port: 1 }).allocate(evenPort(true));
  const token = first.message.get(ReservationToken) ?? new Uint8Array();
  const udp: Content = (writer) => {
    writer.requestedTransport(UDP_PROTOCOL).bytes(ReservationToken, token);
  };
  const client = new TurnClient(world, { port: 2 });
  const transactionId = TurnClient.transactionId();
  world.plane.openError = new TurnpikeError('ERR_TURNPIKE_QUEUE_FULL', 'full');
  t.same(await client.send(Method.Allocate, udp, { transactionId }), []);
  t.equal(world.turn.relayedPorts, 2, 'the port stays reserved');
  world.plane.openError = bindError('EADDRINUSE', { address: { address: '::', port: 0 } });
  const refused = await client.ask(Method.Allocate, udp, { transactionId });
  t.equal(refused.code, 508);
  t.equal(world.turn.relayedPorts, 1);
  world.plane.openError = undefined;
  t.equal((await client.ask(Method.Allocate, udp)).code, 508, 'the token is used up');
});

t.test('a pair that cannot be opened is freed as a whole', async (t) => {
  for (const errno of ['EADDRINUSE', 'EMFILE']) {
    const world = new TurnWorld();
    world.plane.openError = bindError(errno, { address: { address: '::', port: 0 } });
    t.equal((await new TurnClient(world).allocate(evenPort(true))).code, 508);
    t.equal(world.turn.relayedPorts, 0, errno);
  }
  const world = new TurnWorld();
  world.plane.putErrors.set('allocation', 'ERR_TURNPIKE_LIMIT');
  t.equal((await new TurnClient(world).allocate(evenPort(true))).code, 508);
  t.equal(world.turn.relayedPorts, 0);
});

t.test('DONT-FRAGMENT is accepted', async (t) => {
  const answer = await new TurnClient(new TurnWorld()).allocate((writer) => {
    writer.bytes(DontFragment, new Uint8Array(0));
  });
  t.equal(answer.messageClass, 'success');
});

t.test(
  'a port that another process has bound is replaced, a bounded number of times',
  async (t) => {
    const world = new TurnWorld();
    for (let port = 50_000; port <= 50_999; port += 1) world.plane.bound.add(`10.0.0.5:${port}`);
    t.equal((await new TurnClient(world, { port: 1 }).allocate()).code, 508);
    t.equal(world.plane.asked.length, TURN_LIMITS.portTries);
    t.equal(new Set(world.plane.asked.map(({ address }) => address.port)).size, 8);
    t.equal(world.turn.relayedPorts, 0);
    const free = new TurnWorld({ ports: { min: 50_000, max: 50_003 } });
    for (const port of [50_000, 50_001, 50_003]) free.plane.bound.add(`10.0.0.5:${port}`);
    t.equal(relayedOf(await new TurnClient(free).allocate())[0]?.port, 50_002);
  },
);

t.test('a busy data plane gets no response, so that a retransmission succeeds', async (t) => {
  const world = new TurnWorld();
  const client = new TurnClient(world);
  const busy = new TurnpikeError('ERR_TURNPIKE_QUEUE_FULL', 'full');
  const transactionId = TurnClient.transactionId();
  const udp: Content = (writer) => void writer.requestedTransport(UDP_PROTOCOL);
  world.plane.openError = busy;
  t.same(await client.send(Method.Allocate, udp, { transactionId }), []);
  world.plane.openError = undefined;
  world.plane.putErrors.set('allocation', 'ERR_TURNPIKE_QUEUE_FULL');
  t.same(await client.send(Method.Allocate, udp, { transactionId }), []);
  t.equal(world.plane.endpoints.size, 0, 'what was opened is closed');
  t.equal(world.turn.stats.refusals.of('data-plane-busy'), 2);
  world.plane.putErrors.clear();
  const answer = await client.ask(Method.Allocate, udp, { transactionId });
  t.equal(answer.messageClass, 'success');
});

t.test('a full data plane is answered 508, and nothing stays', async (t) => {
  const world = new TurnWorld();
  const client = new TurnClient(world);
  world.plane.putErrors.set('allocation', 'ERR_TURNPIKE_LIMIT');
  t.equal((await client.allocate(family(AdditionalAddressFamily, 2))).code, 508);
  t.equal(world.plane.endpoints.size, 0);
  t.equal(world.turn.allocations, 0);
  t.equal(world.turn.relayedPorts, 0);
  t.equal(world.turn.stats.refusals.of('data-plane-full'), 1);
});

t.test('a draining or stopped server makes no allocation', async (t) => {
  const draining = new TurnWorld({ isDraining: () => true });
  t.equal((await new TurnClient(draining).allocate()).code, 508);
  const world = new TurnWorld();
  const client = new TurnClient(world);
  world.plane.holdsOpens = true;
  const udp: Content = (writer) => void writer.requestedTransport(UDP_PROTOCOL);
  await client.send(Method.Allocate, udp);
  t.same([...world.turn.closeAll()], []);
  world.plane.settle();
  await world.pass(0);
  t.equal(client.answerIn(world.takeFor(client.address)).code, 508);
  t.equal(world.plane.endpoints.size, 0);
});

t.test('an Allocate outlives neither the data plane nor an error of its own', async (t) => {
  const errors: unknown[] = [];
  const contain = (action: () => void) => {
    try {
      action();
    } catch (error) {
      errors.push(error);
    }
  };
  const udp: Content = (writer) => void writer.requestedTransport(UDP_PROTOCOL);
  const outcome = async (sendError: 'ERR_TURNPIKE_CLOSED' | 'ERR_TURNPIKE_NATIVE') => {
    const world = new TurnWorld({ contain });
    world.plane.holdsOpens = true;
    await new TurnClient(world).send(Method.Allocate, udp);
    t.same([...world.turn.closeAll()], []);
    world.plane.sendError = sendError;
    world.plane.settle();
    await world.pass(0);
    t.equal(world.plane.endpoints.size, 0);
    return errors.length;
  };
  t.equal(await outcome('ERR_TURNPIKE_CLOSED'), 0, 'a closed data plane is no error');
  t.equal(await outcome('ERR_TURNPIKE_NATIVE'), 1, 'another error is contained');
});

t.test('a socket that fails before its allocation is made is answered 508', async (t) => {
  const world = new TurnWorld();
  world.plane.putErrors.set('allocation', 'ERR_TURNPIKE_ADDRESS');
  t.equal((await new TurnClient(world).allocate()).code, 508);
  t.equal(world.turn.stats.refusals.of('no-socket'), 1);
  t.equal(world.turn.relayedPorts, 0);
});
