// Permissions and channels that clients have before their relay knows the other one.
import t from 'tap';
import { isBound, noFaults, twoClients } from './world/trunk-clients.js';

/** Two relays with a client each, which have not heard of each other yet, or not any more. */
async function strangers() {
  const scene = await twoClients();
  const { fra, nyc } = scene;
  const part = () => {
    for (const { core, record } of [fra, nyc]) core.updateRelays([record]);
  };
  part();
  return { ...scene, part };
}

for (const how of ['bind', 'permit'] as const) {
  t.test(`they use the trunk as soon as the relay is known: ${how}`, async (t) => {
    const { world, a, b, part } = await strangers();
    t.ok((await a[how](b.relayed)) && (await b[how](a.relayed)));
    world.pass(3_000);
    t.notOk(a.wayTo(b) ?? b.wayTo(a), 'bare UDP');
    world.introduce();
    world.pass(2_000);
    t.ok(isBound(a, b) && isBound(b, a));
    part();
    world.pass(2_000);
    t.notOk(a.wayTo(b) ?? b.wayTo(a), 'bare UDP again');
    world.introduce();
    world.pass(2_000);
    t.ok(isBound(a, b) && isBound(b, a));
  });
}

t.test('a permission without a port is left to the side that knows one', async (t) => {
  const { world, a, b } = await strangers();
  t.ok((await a.permit({ ...b.relayed, port: 0 })) && (await b.permit({ ...a.relayed, port: 0 })));
  world.introduce();
  world.pass(2_000);
  t.notOk(a.wayTo(b) ?? b.wayTo(a));
  t.ok(await b.permit(a.relayed));
  world.pass(2_000);
  t.ok(isBound(a, b) && isBound(b, a));
});

t.test('they do when a second relay gives up the address', async (t) => {
  const { world, fra, nyc, a, b } = await strangers();
  world.addRelay('nyc-2', '192.0.2.20');
  world.introduce();
  t.ok((await a.bind(b.relayed)) && (await b.permit({ ...a.relayed, port: 0 })));
  world.pass(3_000);
  t.notOk(a.wayTo(b), 'nobody has the address');
  for (const { core } of [fra, nyc]) core.updateRelays([fra.record, nyc.record]);
  world.pass(2_000);
  t.ok(isBound(a, b) && isBound(b, a));
});

t.test('no relay has had an internal error', async (t) => noFaults(t));
