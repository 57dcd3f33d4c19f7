import t from 'tap';
import { AttributeType } from '../../src/stun/attribute-types.js';
import { Method } from '../../src/stun/methods.js';
import {
  ALLOCATE,
  allocatedByHook,
  type Content,
  hookScene,
  STATIC_USER,
  type TurnClient,
} from './world/index.js';

/** Sends an Allocate of each of 64 users from each address. */
async function askFrom({ client }: ReturnType<typeof hookScene>, ips: readonly string[]) {
  for (const ip of ips) {
    for (let user = 0; user < 64; user += 1) {
      await client({ ip, username: `user${user}` }).send(Method.Allocate, ALLOCATE);
    }
  }
}

const ADDRESSES = Array.from({ length: 20 }, (_, index) => `198.51.100.${index + 1}`);

t.test('a hook that hangs is called a bounded number of times', async (t) => {
  const all = hookScene();
  const { hook, world, client } = all;
  for (let user = 0; user < 70; user += 1) {
    await client({ username: `user${user}`, port: 100 + user }).send(Method.Allocate, ALLOCATE);
  }
  t.equal(hook.calls.length, 64, 'for one source');
  await askFrom(all, ADDRESSES);
  t.equal(hook.calls.length, 512, 'for sources that have proved nothing');
  for (const address of ADDRESSES) world.context.budgets.proved({ address, port: 1 });
  await askFrom(all, ADDRESSES);
  t.equal(hook.calls.length, 1_024, 'in all');
  t.match(world.lookups?.stats.over, { lookups_of_source: 6, lookups_of_strangers: 832 });
  t.equal((world.lookups?.stats.over.lookups ?? 0) > 0, true);
  await world.pass(6);
  await client({ ip: ADDRESSES.at(-1) as string }).send(Method.Allocate, ALLOCATE);
  t.equal(hook.calls.length, 1_024, 'calls that were given up count, too');
  t.equal((await client({ username: STATIC_USER }).allocate()).messageClass, 'success');
  await hook.answer();
  await client({ ip: '203.0.113.1' }).send(Method.Allocate, ALLOCATE);
  t.equal(hook.calls.length, 1_025, 'until they have a result');
  await world.pass(60);
  await client({ ip: '203.0.113.2' }).send(Method.Allocate, ALLOCATE);
  t.equal(hook.calls.length, 1_026, 'or for a minute');
});

t.test('the /64s of one IPv6 site have a bounded number of calls together', async (t) => {
  const all = hookScene();
  const { hook, world, client } = all;
  await askFrom(all, ['2001:db8:1:1::1', '2001:db8:1:2::1', '2001:db8:1:3::1']);
  t.equal(hook.calls.length, 128);
  t.match(world.lookups?.stats.over, { lookups_of_network: 64, lookups_of_strangers: 0 });
  world.context.budgets.proved({ address: '2001:db8:1:3::1', port: 1 });
  await client({ ip: '2001:db8:1:3::1' }).send(Method.Allocate, ALLOCATE);
  t.equal(hook.calls.length, 128, 'a proved one, too');
  await client({ ip: '2001:db8:2:1::1' }).send(Method.Allocate, ALLOCATE);
  t.equal(hook.calls.length, 129);
});

t.test('who has proved a credential is asked for while strangers hold their half', async (t) => {
  const all = await allocatedByHook();
  const { hook, world, client } = all;
  const sites = Array.from({ length: 16 }, (_, index) => `2001:db8:${index}:1::1`);
  await askFrom(all, sites);
  const asked = hook.calls.length;
  await client({ ip: '203.0.113.1' }).send(Method.Allocate, ALLOCATE);
  t.equal(hook.calls.length, asked, 'a further stranger is not');
  const neighbour = client({ port: 77, username: 'bob' });
  await neighbour.send(Method.Allocate, ALLOCATE);
  t.equal(hook.calls.length, asked + 1);
  await world.pass(6);
  await client({ username: 'carol' }).send(Method.Allocate, ALLOCATE);
  t.equal(hook.calls.length, asked + 2, 'nor do calls that were given up hold it up');
});

t.test('a neighbour’s wrong passwords hold up nobody who was proved just now', async (t) => {
  const { hook, world, alice, client } = await allocatedByHook();
  const guess = (from: TurnClient) =>
    from.send(Method.Allocate, ALLOCATE, { username: STATIC_USER, password: 'wrong' });
  const guessers = Array.from({ length: 50 }, (_, index) => client({ port: 1_000 + index }));
  for (const guesser of guessers) {
    for (let sent = 0; sent < 45; sent += 1) await guess(guesser);
  }
  t.equal(world.context.budgets.mayTry(alice.address), false);
  world.takeFor(alice.address);
  const again = client({ port: 6_000 });
  t.equal((await again.allocate()).messageClass, 'success', 'by another port, too');
  t.same(
    await again.send(Method.Allocate, ALLOCATE, { password: 'wrong' }),
    [],
    'with the password',
  );
  await client({ username: 'bob', port: 7_000 }).send(Method.Allocate, ALLOCATE);
  t.same(hook.names, ['alice'], 'nobody is asked for');
  await world.pass(11);
  for (const guesser of guessers) {
    for (let sent = 0; sent < 45; sent += 1) await guess(guesser);
  }
  const late = client({ port: 6_001 });
  t.same(await late.send(Method.Allocate, ALLOCATE), [], 'as long as the result is kept');
  t.equal((await alice.refresh(600)).code, undefined, 'an allocation keeps its own');
});

t.test('a neighbour’s wrong passwords of meanwhile refuse no one who was asked for', async (t) => {
  const { hook, world, alice, client } = hookScene();
  await alice.send(Method.Allocate, ALLOCATE);
  for (let port = 1_000; world.context.budgets.mayTry(alice.address); port += 1) {
    const options = { username: STATIC_USER, password: 'wrong' };
    for (let sent = 0; sent < 45; sent += 1) {
      await client({ port }).send(Method.Allocate, ALLOCATE, options);
    }
  }
  world.takeFor(alice.address);
  await hook.answer();
  const codes = world.takeFor(alice.address).map((message) => message.errorCode()?.code);
  t.same(codes, [undefined]);
  t.equal(world.turn.allocations, 1);
  await alice.send(Method.Allocate, ALLOCATE, { username: 'bob' });
  t.same(hook.names, ['alice'], 'no one is asked for now');
});

t.test('a bounded number of requests await one call', async (t) => {
  const { hook, world, client, alice } = hookScene();
  for (let port = 1; port <= 20; port += 1) await client({ port }).send(Method.Allocate, ALLOCATE);
  const long: Content = (writer) =>
    void writer.text(AttributeType.Software, 's'.repeat(763)).bytes(0x8fff, Buffer.alloc(1_300));
  await alice.send(Method.Allocate, long, { username: 'bob' });
  t.same(hook.names, ['alice']);
  t.equal(world.lookups?.stats.over.waiting_requests, 5);
  await hook.answer();
  t.equal(world.turn.allocations, 16);
});
