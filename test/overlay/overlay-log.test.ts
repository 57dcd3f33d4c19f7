import { Writable } from 'node:stream';
import { pino } from 'pino';
import t from 'tap';
import { OverlayLog, REFUSAL_LINES_PER_SECOND } from '../../src/overlay/overlay-log.js';
import { RelayMetrics } from '../../src/relay/metrics.js';
import { AttributeType } from '../../src/stun/attribute-types.js';
import { Method } from '../../src/stun/methods.js';
import { CONNECTION_ID, FakePeer, ManualClock, World } from '../relay/world/index.js';

type Line = Record<string, unknown>;

function capture(level: string) {
  const lines: Line[] = [];
  const stream = new Writable({
    write(chunk, _encoding, done) {
      lines.push(JSON.parse(String(chunk)));
      done();
    },
  });
  return { lines, logger: pino({ level, base: null }, stream) };
}

function scene(level = 'debug') {
  const { lines, logger } = capture(level);
  const world = new World();
  const fra = world.addRelay('fra-1', '192.0.2.10', { logger });
  const nyc = world.addRelay('nyc-1', '192.0.2.20');
  world.introduce();
  const peer = (address: string, relay: typeof fra, role: 0 | 1) =>
    new FakePeer(world, { address, relay, role });
  const [a, b] = [peer('203.0.113.7:40000', fra, 0), peer('198.51.100.9:50000', nyc, 1)];
  const join = () => {
    a.allocate(nyc.service);
    b.allocate(fra.service);
    a.connect(b.address);
    b.connect(a.address);
  };
  return { world, fra, nyc, a, b, lines, logger, join };
}

t.test(
  'the end of a leg is logged in one line with its peers, its reason and its traffic',
  async (t) => {
    const { world, fra, a, lines, join } = scene('info');
    join();
    for (const key of fra.plane.clientFlows.keys()) fra.plane.packetsFrom.set(key, 7);
    for (const index of fra.plane.sessions.keys()) fra.plane.packetsTo.set(index, 5);
    world.pass(12_000);
    a.refresh(0);
    t.strictSame(lines.length, 1, 'nothing else at level info');
    t.match(lines[0], {
      level: 30,
      event: 'leg-ended',
      connectionId: CONNECTION_ID,
      tenant: 'default',
      role: 0,
      peer: '203.0.113.7:40000',
      relay: 'fra-1',
      peerRelay: 'nyc-1',
      otherPeer: '198.51.100.9:50000',
      reason: 'closed_by_peer',
      durationSeconds: 12,
      packetsFromPeer: 7,
      bytesFromPeer: 700,
      packetsToPeer: 5,
      bytesToPeer: 500,
    });
  },
);

t.test(
  'the ends of two paired legs of one relay are logged with their traffic in both directions',
  async (t) => {
    const { world, fra, a, lines } = scene('info');
    const b = new FakePeer(world, { address: '198.51.100.9:50000', relay: fra, role: 1 });
    a.allocate(fra.service);
    b.allocate(fra.service);
    a.connect(b.address);
    b.connect(a.address);
    for (const key of fra.plane.clientFlows.keys()) {
      fra.plane.packetsFrom.set(key, key.includes('203.0.113.7') ? 3 : 4);
    }
    a.refresh(0);
    t.equal(lines.length, 2);
    const of = (role: number) => lines.find((line) => line.role === role);
    t.match(of(0), { packetsFromPeer: 3, packetsToPeer: 4, reason: 'closed_by_peer' });
    t.match(of(1), { packetsFromPeer: 4, packetsToPeer: 3, reason: 'closed_by_other_side' });
    t.match(of(0), { relay: 'fra-1', peerRelay: 'fra-1', otherPeer: '198.51.100.9:50000' });
  },
);

t.test('every refusal is logged at level debug and counted by its reason', async (t) => {
  const { world, fra, nyc, a, b, lines } = scene();
  const reasons = () =>
    lines.filter(({ event }) => event === 'refused').map(({ code, reason }) => `${code} ${reason}`);
  a.allocate({ address: '192.0.2.99', port: 3478 });
  a.connect(b.address);
  a.refresh(600);
  a.request(Method.Allocate, (writer) => writer.connectionIdentifier(CONNECTION_ID));
  a.request(Method.Refresh, (writer) => writer.connectionIdentifier('ff'.repeat(16)));
  a.request(0x0ab, (writer) => writer.connectionIdentifier(CONNECTION_ID));
  a.request(Method.Refresh, (writer) => writer.u32(0x7fff, 1));
  a.allocate(nyc.service);
  b.allocate(fra.service);
  const moved = new FakePeer(world, { address: '203.0.113.7:41000', relay: fra, role: 0 });
  moved.allocate(nyc.service);
  a.connect(b.address);
  b.connect({ address: '203.0.113.250', port: 1 });
  a.connect(b.address);
  world.pass(31_000);
  t.strictSame(reasons(), [
    '403 unknown-peer-relay',
    '437 no-such-leg',
    '437 no-such-leg',
    '400 attribute-missing',
    '403 credential-of-another-leg',
    '400 unknown-method',
    '420 unknown-attribute',
    '437 leg-of-another-address',
    '403 address-mismatch',
    '447 not-connected-in-time',
  ]);
  t.match(
    lines.filter(({ event }) => event === 'refused'),
    reasons().map(() => ({ level: 20, connectionId: CONNECTION_ID, peer: /^203\.0\.113\.7:4/ })),
  );
  const text = await new RelayMetrics(fra.core, fra.plane).text();
  t.match(text, 'turnpike_relay_refusals_total{code="437",reason="no-such-leg"} 2');
  t.match(text, 'turnpike_relay_refusals_total{code="447",reason="not-connected-in-time"} 1');
});

t.test('a failed authentication is logged and counted by its reason', async (t) => {
  const { world, fra, nyc, a, lines } = scene();
  a.allocate(nyc.service);
  a.credential.password = 'wrong';
  a.allocate(nyc.service);
  a.credential.username = 'somebody';
  a.allocate(nyc.service);
  a.raw(Method.Allocate, (writer) => {
    writer.text(AttributeType.Username, 'somebody').integrity('sha256', a.key);
  });
  const old = new FakePeer(world, {
    address: '203.0.113.7:41000',
    relay: fra,
    role: 1,
    lifeSeconds: -5,
  });
  old.allocate(nyc.service);
  const of = lines.filter(({ event }) => event === 'not-authenticated');
  t.strictSame(
    of.map(({ code, reason }) => `${code} ${reason}`),
    [
      '401 no-integrity',
      '401 wrong-integrity',
      '401 unknown-user',
      '400 attribute-missing',
      '401 no-integrity',
      '401 expired',
    ],
  );
  t.match(of[2], { username: 'somebody', peer: '203.0.113.7:40000' });
  const text = await new RelayMetrics(fra.core, fra.plane).text();
  const metric = 'turnpike_relay_authentication_failures_total';
  for (const reason of ['wrong-integrity', 'unknown-user', 'attribute-missing', 'expired']) {
    t.match(text, `${metric}{reason="${reason}"} 1`);
  }
});

t.test('a datagram that is dropped without a response is logged', async (t) => {
  const { world, fra, nyc, lines } = scene();
  const from = { address: '203.0.113.66', port: 6 };
  world.send({ from, to: fra.service, data: Buffer.alloc(20) });
  world.send({ from, to: fra.trunk, data: Buffer.alloc(20) });
  world.pump();
  t.match(lines, [
    { event: 'dropped', reason: 'malformed', peer: '203.0.113.66:6' },
    { event: 'trunk-dropped', reason: 'trunk_control_malformed', source: '203.0.113.66:6' },
  ]);
  t.ok(nyc);
});

t.test('lines are limited per second, and one line has the number of omitted ones', async (t) => {
  const { lines, logger } = capture('debug');
  const clock = new ManualClock();
  const log = new OverlayLog(clock, 'fra-1', logger);
  const peer = { address: '203.0.113.7', port: 1 };
  for (let i = 0; i < 10_000; i++) log.refused(peer, 'no-such-leg', undefined);
  const written = lines.length;
  t.equal(written, 4 * REFUSAL_LINES_PER_SECOND);
  clock.advance(1_000);
  log.tick();
  t.match(lines.at(-1), { event: 'lines-omitted', of: 'refused', lines: 10_000 - written });
  t.equal(log.omitted.get('refused'), 10_000 - written);
  clock.advance(1_000);
  log.tick();
  t.equal(lines.length, written + 1, 'omitted lines are reported once');
  for (let i = 0; i < 10_000; i++) log.refused(peer, 'no-such-leg', undefined);
  t.equal(lines.length, written + 1 + 2 * REFUSAL_LINES_PER_SECOND, 'the limit applies again');
});

t.test('a flood of one kind of line does not use the limit of another kind', async (t) => {
  const { lines, logger } = capture('debug');
  const clock = new ManualClock();
  const log = new OverlayLog(clock, 'fra-1', logger);
  const peer = { address: '203.0.113.7', port: 1 };
  for (let i = 0; i < 2_000; i++) log.dropped(peer, 'malformed');
  for (let i = 0; i < 2_000; i++) log.trunkDropped(peer, 'trunk_control_malformed');
  for (let i = 0; i < 2_000; i++) log.unauthenticated(peer, 401, 'no-integrity', undefined);
  log.refused(peer, 'no-such-leg', undefined);
  t.match(lines.at(-1), { event: 'refused', reason: 'no-such-leg' });
  clock.advance(1_000);
  log.tick();
  t.strictSame(
    lines.filter(({ event }) => event === 'lines-omitted').map(({ of }) => of),
    ['not-authenticated', 'dropped', 'trunk-dropped'],
  );
});

t.test('omitted lines about TURN count as those about legs do', async (t) => {
  const { fra, world } = scene();
  const client = { address: '203.0.113.7', port: 1 };
  const { context, turnLog } = fra.core;
  for (let i = 0; i < 1_000; i++) {
    context.log.refused(client, 'no-such-leg', undefined);
    turnLog.refused(client, 'user-quota', 'alice');
    turnLog.lookupFailed('failed');
  }
  world.clock.advance(1_000);
  for (const log of [context.log, turnLog]) log.tick();
  const text = await new RelayMetrics(fra.core, fra.plane).text();
  const omitted = (event: string) =>
    new RegExp(`log_lines_omitted_total\\{event="${event}"\\} (\\d+)`).exec(text)?.[1];
  t.equal(omitted('refused'), '400');
  t.equal(omitted('authenticate-failed'), '996');
  t.equal(omitted('allocation-ended'), '0');
});

t.test('a change of the logger’s level applies while the relay runs', async (t) => {
  const { a, b, lines, logger } = scene('info');
  a.connect(b.address);
  t.strictSame(lines, []);
  logger.level = 'debug';
  a.connect(b.address);
  t.match(lines.at(-1), { event: 'refused', reason: 'no-such-leg' });
});

t.test('a logger without isLevelEnabled gets every line', async (t) => {
  const said: string[] = [];
  const say = (_fields: unknown, text = '') => void said.push(text);
  const bare = { debug: say, info: say, warn: say, error: say } as never;
  const world = new World();
  const fra = world.addRelay('fra-1', '192.0.2.10', { logger: bare });
  world.introduce();
  const peer = new FakePeer(world, { address: '203.0.113.7:40000', relay: fra, role: 0 });
  peer.allocate(fra.service);
  t.equal(fra.core.faults, 0);
  t.not(said.length, 0);
});
