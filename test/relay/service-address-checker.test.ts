import t from 'tap';
import { formatAddress, parseAddress, type TransportAddress } from '../../src/address.js';
import { CHECK_LIMITS } from '../../src/registry/check-limits.js';
import { RelayMetrics } from '../../src/relay/metrics.js';
import { AttributeType } from '../../src/stun/attribute-types.js';
import { decodeMessage } from '../../src/stun/message.js';
import { Method } from '../../src/stun/methods.js';
import { MessageWriter } from '../../src/stun/writer.js';
import { type Flight, World } from './world/index.js';

const CHECK = [{ id: 'nyc-1', address: '192.0.2.20:3478' }];
const NYC = parseAddress('192.0.2.20:3478');

/** Two relays with one registry. The service address checker is that of fra-1. */
function checking() {
  const world = new World();
  let changes = 0;
  const fra = world.addRelay('fra-1', '192.0.2.10', {
    onReachability: () => {
      changes += 1;
    },
  });
  const nyc = world.addRelay('nyc-1', '192.0.2.20');
  world.introduce();
  const checker = fra.core.serviceChecker;
  return {
    world,
    fra,
    nyc,
    checker,
    changes: () => changes,
    /** Lets time pass and delivers datagrams. */
    pass(seconds: number) {
      for (let step = 0; step < seconds * 10; step += 1) {
        world.clock.advance(100);
        for (const { core } of world.relays.values()) core.tick();
        world.pump();
      }
    },
    /** Returns the requests that fra-1 sent to service addresses. */
    sent: (): Flight[] =>
      world.log.filter(({ from, to }) => from.port === fra.trunk.port && to.port === NYC.port),
  };
}

/** Makes a function for `World.lose` that loses everything to these addresses. */
function losing(addresses: readonly TransportAddress[]) {
  const lost = new Set(addresses.map(formatAddress));
  return ({ to }: Flight) => lost.has(formatAddress(to));
}

t.test(
  'a service address gets a Binding request a second from the trunk port, without amplification',
  async (t) => {
    const { world, nyc, checker, pass, sent } = checking();
    checker.appoint(CHECK);
    pass(10);
    t.equal(sent().length, 10);
    t.same(checker.unanswered(), []);
    const [first] = sent();
    const decoded = decodeMessage(first?.data ?? new Uint8Array());
    t.ok(decoded.ok && decoded.message.method === Method.Binding);
    const answers = world.log.filter(({ from, to }) => from.port === NYC.port && to.port === 3480);
    t.equal(answers.length, 10);
    const lengths = sent().map(({ data }) => data.length);
    t.ok(answers.every(({ data }, index) => data.length <= (lengths[index] ?? 0)));
    t.equal(nyc.core.server.stats.client.malformed, 0);
  },
);

t.test(
  'an unanswered address is reported within 5 s, and its return within about 1 s',
  async (t) => {
    const { world, checker, changes, pass } = checking();
    checker.appoint(CHECK);
    pass(3);
    world.lose = losing([NYC]);
    pass(5);
    t.equal(checker.unanswered().length, 1);
    t.match(checker.unanswered(), CHECK);
    t.equal(changes(), 1, 'the change is reported at once');
    world.lose = () => false;
    pass(1.1);
    t.same(checker.unanswered(), []);
    t.equal(changes(), 2);
  },
);

t.test('two lost requests of three do not make an address unanswered', async (t) => {
  const { world, checker, pass } = checking();
  checker.appoint(CHECK);
  let count = 0;
  world.lose = ({ to }) => to.port === NYC.port && count++ % 3 !== 0;
  pass(20);
  t.same(checker.unanswered(), []);
});

t.test('the reason is nothing-answers if no address and no trunk probe is answered', async (t) => {
  const world = new World();
  const fra = world.addRelay('fra-1', '192.0.2.10');
  const hosts = [20, 30].map((host) => `192.0.2.${host}`);
  const others = hosts.map((ip, index) => world.addRelay(`nyc-${index}`, ip));
  world.introduce();
  const checker = fra.core.serviceChecker;
  checker.appoint(others.map(({ id, service }) => ({ id, address: formatAddress(service) })));
  const pass = (seconds: number) => {
    for (let step = 0; step < seconds * 10; step += 1) {
      world.clock.advance(100);
      fra.core.tick();
      world.pump();
    }
  };
  pass(3);
  world.lose = losing(others.slice(0, 1).map(({ service }) => service));
  pass(6);
  t.match(checker.unanswered(), [{ id: 'nyc-0', reason: 'no-answer' }]);
  world.lose = losing(others.map(({ service }) => service));
  world.answers = () => false;
  pass(6);
  t.match(checker.unanswered(), [
    { id: 'nyc-0', reason: 'nothing-answers' },
    { id: 'nyc-1', reason: 'nothing-answers' },
  ]);
});

t.test('the reason is no-answer if only one relay is checked', async (t) => {
  const world = new World();
  const fra = world.addRelay('fra-1', '192.0.2.10');
  const nyc = world.addRelay('nyc-1', '192.0.2.20');
  world.introduce();
  const checker = fra.core.serviceChecker;
  checker.appoint([{ id: nyc.id, address: formatAddress(nyc.service) }]);
  world.lose = () => true;
  world.answers = () => false;
  for (let step = 0; step < 80; step += 1) {
    world.clock.advance(100);
    fra.core.tick();
    world.pump();
  }
  t.match(checker.unanswered(), [{ id: 'nyc-1', reason: 'no-answer' }]);
});

t.test('nothing is sent to an address that the registry does not list', async (t) => {
  const { checker, pass, sent, world } = checking();
  checker.appoint([
    { id: 'nyc-1', address: '198.51.100.1:3478' },
    { id: 'nyc-1', address: '192.0.2.20:53' },
    { id: 'gone-1', address: '192.0.2.20:3478' },
    { id: 'nyc-1', address: 'example.org:3478' },
    { id: 'nyc-1', address: '[2001:db8::1]:3478' },
    { id: 'nyc-1', address: '0192.0.2.20:3478' },
  ]);
  pass(10);
  t.same(sent(), []);
  t.same(
    world.log.filter(({ from }) => from.port === 3480).map(({ to }) => formatAddress(to)),
    [],
  );
  t.same(checker.unanswered(), []);
});

t.test(
  'checks are limited in number, and a new appointment keeps the state of those that continue',
  async (t) => {
    const { checker, world, pass, sent } = checking();
    checker.appoint(CHECK);
    pass(3);
    world.lose = losing([NYC]);
    pass(5);
    const many = Array.from({ length: 2 * CHECK_LIMITS.serviceChecksMax }, (_, index) => ({
      id: `r-${index}`,
      address: `10.0.0.${index}:3478`,
    }));
    checker.appoint([...CHECK, ...many]);
    t.equal(checker.unanswered().length, 1, 'the state of the first check is kept');
    checker.appoint([...many, ...CHECK]);
    t.same(checker.unanswered(), [], 'beyond the bound');
    const before = sent().length;
    pass(3);
    t.equal(sent().length, before);
    checker.appoint([]);
    t.same(checker.unanswered(), []);
  },
);

t.test(
  'only a response to a sent request, from the address that it went to, counts as an answer',
  async (t) => {
    const { checker, world, fra, pass, sent } = checking();
    checker.appoint(CHECK);
    world.lose = losing([NYC]);
    pass(5);
    t.equal(checker.unanswered().length, 1);
    const decoded = decodeMessage(sent().at(-1)?.data ?? new Uint8Array());
    const transactionId = decoded.ok ? decoded.message.transactionId : new Uint8Array(12);
    const answer = (id: Uint8Array) =>
      new MessageWriter('success', Method.Binding, id)
        .address(AttributeType.XorMappedAddress, fra.trunk)
        .finish();
    const { drops } = fra.core.context.trunk;
    world.send({
      from: parseAddress('192.0.2.66:3478'),
      to: fra.trunk,
      data: answer(transactionId),
    });
    world.send({ from: NYC, to: fra.trunk, data: answer(new Uint8Array(12)) });
    world.send({
      from: NYC,
      to: fra.trunk,
      data: new MessageWriter('request', Method.Binding, transactionId).finish(),
    });
    world.pump();
    t.equal(checker.unanswered().length, 1);
    t.equal(drops.trunk_control_malformed, 3);
    const error = new MessageWriter('error', Method.Binding, transactionId).errorCode(420).finish();
    world.send({ from: NYC, to: fra.trunk, data: error });
    world.pump();
    t.same(checker.unanswered(), [], 'an error response counts as an answer');
  },
);

t.test('checks are counted as answered or unanswered', async (t) => {
  const { world, fra, checker, pass } = checking();
  checker.appoint(CHECK);
  pass(10);
  t.same(checker.counts, { asked: 10, answered: 10, unanswered: 0 });
  world.lose = losing([NYC]);
  pass(20);
  const { asked, answered, unanswered } = checker.counts;
  t.equal(asked, 30);
  t.equal(answered, 10);
  t.equal(
    unanswered + CHECK_LIMITS.serviceCheckFailures + 1,
    20,
    'the last requests may still be answered',
  );
  world.lose = () => false;
  pass(2);
  t.match(checker.counts, { asked: 32, answered: 12, unanswered: 20 });
  const text = await new RelayMetrics(fra.core, fra.plane).text();
  t.match(text, 'turnpike_relay_service_checks_total{event="answered"} 12');
});

t.test('a response that arrives after the next request counts as an answer', async (t) => {
  const { world, fra, checker, pass } = checking();
  checker.appoint(CHECK);
  const late: Flight[] = [];
  world.lose = (flight) => {
    const isAnswer = flight.from.port === NYC.port && flight.to.port === fra.trunk.port;
    if (isAnswer) late.push(flight);
    return isAnswer;
  };
  pass(3);
  world.lose = () => false;
  for (const flight of late) world.send(flight);
  world.pump();
  t.same(checker.counts, { asked: 3, answered: 3, unanswered: 0 });
  t.equal(fra.core.context.trunk.drops.trunk_control_malformed, 0);
});
