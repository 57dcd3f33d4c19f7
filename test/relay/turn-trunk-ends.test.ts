// What ends a way over the trunk, and what never begins one.
import t from 'tap';
import { incarnation } from '../../src/registry/incarnation.js';
import { Method } from '../../src/stun/methods.js';
import {
  Allocated,
  bindRequests,
  isBound,
  noFaults,
  servingRelay,
  sessionsTo,
  twoClients,
} from './world/trunk-clients.js';

t.test('a relay speaks for its own addresses and the ports of relayed ones alone', async (t) => {
  const { world, nyc, b } = await twoClients();
  const claims = ['192.0.2.40', '192.0.2.10'].map((relayedIp, index) =>
    servingRelay(world, `other-${index}`, `192.0.2.4${index + 1}`, { relayedIp }),
  );
  world.introduce();
  world.pass(1_000);
  for (const [index, relay] of claims.entries()) {
    const c = await Allocated.open(world, relay, `203.0.113.7${index}:7000`);
    t.ok(await b.permit(c.relayed));
    t.ok(await c.bind(b.relayed));
    world.pass(3_000);
    t.notOk(c.wayTo(b), c.relayed.address);
  }
  t.equal(nyc.plane.sessions.size, 0);
});

t.test('an address that two relays have registered is nobody to ask', async (t) => {
  const { world, fra, a, b } = await twoClients();
  world.addRelay('nyc-2', '192.0.2.20');
  world.introduce();
  t.ok(await a.bind(b.relayed));
  t.ok(await b.permit(a.relayed));
  world.pass(3_000);
  t.notOk(a.wayTo(b));
  t.equal(bindRequests(world, fra).length, 0);
});

t.test('the end of an allocation sends the other side back to bare UDP', async (t) => {
  const { world, a, b } = await twoClients();
  await a.bind(b.relayed);
  await b.bind(a.relayed);
  world.pass(400);
  t.ok(isBound(a, b));
  await b.refresh(0);
  world.pass(100);
  t.notOk(a.wayTo(b));
  t.equal(sessionsTo(b).length, 0);
  t.equal(b.relay.plane.trunkPeers.size, 0);
  await a.refresh(0);
  world.pass(200_000);
  t.equal(a.relay.plane.trunkPeers.size, 0);
  t.equal(a.relay.plane.sessions.size, 0);
});

t.test('a relay that restarts, falls silent or leaves is reached by bare UDP', async (t) => {
  const { world, fra, nyc, a, b } = await twoClients();
  await a.bind(b.relayed);
  await b.bind(a.relayed);
  world.pass(400);
  t.ok(isBound(a, b));

  nyc.plane.recordsReceived.set(0, 1);
  fra.plane.recordsSent.set(0, 1);
  world.pass(1_000);
  world.answers = () => false;
  world.lose = ({ to }) => to.port === 3480;
  world.pass(7_000);
  t.notOk(a.wayTo(b), 'silent');
  world.answers = () => true;
  world.lose = () => false;
  world.pass(70_000);
  t.ok(isBound(a, b), 'bound again');

  nyc.local.incarnation = incarnation(world.clock.now());
  const restarted = { ...nyc.record, start: nyc.local.incarnation };
  world.lose = ({ data }) => data[1] === Method.ChannelBind;
  fra.core.updateRelays([fra.record, restarted]);
  world.pass(200);
  t.notOk(a.wayTo(b), 'restarted');
  world.lose = () => false;

  world.pass(70_000);
  t.ok(isBound(a, b), 'bound again');
  fra.core.updateRelays([fra.record]);
  world.pass(70_000);
  t.notOk(a.wayTo(b), 'left');
});

t.test('a recorded request is answered and changes nothing', async (t) => {
  const { world, fra, nyc, a, b } = await twoClients();
  await a.bind(b.relayed);
  await b.bind(a.relayed);
  world.pass(400);
  const [request] = bindRequests(world, fra).slice(-1);
  if (request === undefined) throw new Error('no request');
  await b.refresh(0);
  const sessions = nyc.plane.sessions.size;
  const before = world.log.length;
  world.replay([request]);
  t.equal(nyc.plane.sessions.size, sessions);
  const answers = world.log.slice(before + 1);
  t.equal(answers.length, 1);
  t.ok(answers.every(({ data }) => data.length <= request.data.length));
});

t.test('no relay has had an internal error', async (t) => noFaults(t));
