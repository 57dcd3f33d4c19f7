import { setImmediate } from 'node:timers/promises';
import t from 'tap';
import { AttributeType } from '../../src/stun/attribute-types.js';
import { longTermKey } from '../../src/stun/integrity.js';
import { Method } from '../../src/stun/methods.js';
import {
  ALLOCATE,
  allocatedByHook,
  hookScene,
  PASSWORD,
  PEER,
  REALM,
  STATIC_USER,
  TurnClient,
} from './world/index.js';

const KEYS = {
  md5: Buffer.from(longTermKey('md5', 'alice', REALM.name, PASSWORD)).toString('hex'),
  sha256: Buffer.from(longTermKey('sha256', 'alice', REALM.name, PASSWORD)).toString('hex'),
};

t.test('the hook is asked for a user only after a fresh nonce of the source', async (t) => {
  const { hook, world, alice } = hookScene();
  const issued = world.nonces.issue(alice.address.address);
  const foreign = world.nonces.issue('192.0.2.99');
  const ask = (options: object) => alice.ask(Method.Allocate, ALLOCATE, options);
  t.equal((await ask({ nonce: foreign })).code, 438);
  t.equal((await ask({ nonce: 'forged' })).code, 438);
  t.equal((await ask({ realm: 'another' })).code, 401);
  world.clock.advance(3_700_000);
  t.equal((await ask({ nonce: issued })).code, 438, 'one that has expired');
  for (const username of ['', 'x'.repeat(509), 'nul\0', 'line\nbreak']) {
    t.equal((await ask({ username })).code, 401, JSON.stringify(username));
  }
  t.equal(hook.calls.length, 0);
  t.same(await alice.send(Method.Allocate, ALLOCATE), [], 'no answer yet');
  t.match(hook.calls.at(0)?.request, {
    username: 'alice',
    userHash: undefined,
    realm: REALM.name,
    method: 'Allocate',
    client: { address: '192.0.2.1', port: 5_000, family: 4 },
    signal: { aborted: false },
  });
});

t.test('a user that the server knows itself is never asked for', async (t) => {
  const { hook, client } = hookScene();
  const known = client({ username: STATIC_USER });
  t.equal((await known.ask(Method.Allocate, ALLOCATE, { password: 'wrong' })).code, 401);
  t.equal((await known.allocate()).code, undefined);
  t.same(hook.names, []);
});

t.test('a repeated request joins the call, and gets one response', async (t) => {
  const { hook, world, alice } = hookScene();
  const transactionId = TurnClient.transactionId();
  for (let sent = 0; sent < 3; sent += 1) {
    t.same(await alice.send(Method.Allocate, ALLOCATE, { transactionId }), []);
  }
  t.same(hook.names, ['alice']);
  await hook.answer();
  const response = world.takeFor(alice.address);
  t.equal(alice.answerIn(response).messageClass, 'success');
  const again = await alice.send(Method.Allocate, ALLOCATE, { transactionId });
  t.same(again[0]?.bytes, response[0]?.bytes, 'what is repeated later gets the same response');
  t.same(hook.names, ['alice'], 'without a call');
  t.equal(world.turn.allocations, 1);
  t.match(world.lookups?.stats, { joined: 2, results: { known: 1 } });
});

t.test('requests of one user and source join a call, others do not', async (t) => {
  const { hook, world, client } = hookScene();
  for (const port of [1, 2]) await client({ port }).send(Method.Allocate, ALLOCATE);
  await client({ port: 3, username: 'bob' }).send(Method.Allocate, ALLOCATE);
  await client({ ip: '192.0.2.2' }).send(Method.Allocate, ALLOCATE);
  t.same(hook.names, ['alice', 'bob', 'alice']);
  await hook.answer();
  for (const port of [1, 2]) {
    const one = client({ port });
    t.equal(one.answerIn(world.takeFor(one.address)).messageClass, 'success');
  }
  t.equal(world.turn.allocations, 2);
});

t.test('requests about an allocation are proved by the key that it has', async (t) => {
  const { hook, world, alice } = await allocatedByHook();
  await world.pass(60);
  t.equal((await alice.permit(PEER)).code, undefined);
  t.equal((await alice.bind(0x4000, PEER, { kind: 'sha256' })).code, undefined);
  t.equal((await alice.refresh(600)).code, undefined);
  t.equal((await alice.refresh(600, { password: 'wrong' })).code, 401);
  t.equal((await alice.refresh(600, { isAnonymous: true })).code, undefined);
  t.same(hook.names, ['alice'], 'without a further call');
  await alice.send(Method.Refresh, () => {}, { username: 'bob' });
  t.same(hook.names, ['alice', 'bob'], 'another user is asked for');
  await hook.answer();
  t.equal(world.takeFor(alice.address)[0]?.errorCode()?.code, 441);
});

t.test('a further allocation asks again, unless the last answer is of this moment', async (t) => {
  const { hook, world, client } = await allocatedByHook();
  t.equal((await client({ port: 2 }).allocate()).messageClass, 'success');
  t.same(hook.names, ['alice']);
  await world.pass(11);
  t.same(await client({ port: 3 }).send(Method.Allocate, ALLOCATE), []);
  t.same(hook.names, ['alice', 'alice']);
});

t.test('a new password is asked for although the old one was proved just now', async (t) => {
  const { hook, world, client } = await allocatedByHook();
  const other = client({ port: 2 });
  t.same(await other.send(Method.Allocate, ALLOCATE, { password: 'new' }), []);
  await hook.answer({ password: 'new' });
  const [success] = world.takeFor(other.address);
  t.equal(success?.messageClass, 'success');
});

t.test('unknown users and wrong passwords are answered alike, and each costs', async (t) => {
  const { hook, world, alice } = hookScene();
  for (const answer of [null, { password: 'another' }, { sha256Key: KEYS.sha256 }]) {
    await alice.send(Method.Allocate, ALLOCATE);
    await hook.answer(answer);
    const [challenge] = world.takeFor(alice.address);
    t.equal(challenge?.errorCode()?.code, 401, JSON.stringify(answer));
    t.ok(challenge?.text(AttributeType.Nonce));
  }
  t.equal(hook.calls.length, 3);
  for (let sent = 0; sent < 60; sent += 1) {
    await alice.send(Method.Allocate, ALLOCATE);
    if (hook.calls.length === sent + 4) await hook.answer(null);
  }
  t.equal(hook.calls.length, 50, 'a port that guesses is not asked for any more');
});

t.test('an answer may be keys, with a user for quotas, an expiry and a quota', async (t) => {
  const { hook, world, client } = hookScene();
  const expiresAtSeconds = Math.floor(world.clock.now() / 1_000) + 100;
  const answer = { md5Key: KEYS.md5, user: 'tenant-7', expiresAtSeconds, userQuota: 2 };
  const [one, two, three] = [client({ port: 1 }), client({ port: 2 }), client({ port: 3 })];
  await one.send(Method.Allocate, ALLOCATE);
  await hook.answer(answer);
  t.equal(one.answerIn(world.takeFor(one.address)).messageClass, 'success');
  t.equal((await two.allocate()).messageClass, 'success');
  t.equal((await three.allocate()).code, 486);
  await world.pass(101);
  t.equal((await one.refresh(600)).code, undefined, 'an allocation outlives its credential');
  await three.send(Method.Allocate, ALLOCATE);
  await hook.answer(answer);
  t.equal(world.takeFor(three.address)[0]?.errorCode()?.code, 401);
  t.equal(world.turn.endUser('tenant-7'), 2);
});

t.test('a user may be asked for by USERHASH', async (t) => {
  const { hook, world, alice } = hookScene();
  const ask = () => alice.send(Method.Allocate, ALLOCATE, { isAnonymous: true });
  await ask();
  const { request } = hook.calls[0] ?? {};
  t.equal(request?.username, undefined);
  t.match(request?.userHash, /^[0-9a-f]{64}$/);
  await hook.answer({ password: PASSWORD });
  await ask();
  await hook.answer({ username: 'bob', password: PASSWORD });
  t.same(world.takeFor(alice.address), [], 'an answer without the name, or with another, is none');
  t.equal(world.lookupFailures.length, 2);
  await ask();
  await hook.answer({ username: 'alice', password: PASSWORD });
  t.equal(alice.answerIn(world.takeFor(alice.address)).messageClass, 'success');
});

t.test('a hook that fails leaves requests unanswered, and is asked again', async (t) => {
  const { hook, world, alice } = hookScene();
  const transactionId = TurnClient.transactionId();
  const send = () => alice.send(Method.Allocate, ALLOCATE, { transactionId });
  const hostile = new Proxy(
    {},
    {
      ownKeys: () => {
        throw new Error('no keys');
      },
    },
  );
  const wrong = [
    'letmein',
    7,
    [],
    {},
    hostile,
    { password: '' },
    { password: 7 },
    { md5Key: 'letmein' },
    { password: PASSWORD, expiresAt: 1 },
    { password: PASSWORD, expiresAtSeconds: '1' },
    { password: PASSWORD, username: 'bob' },
    { password: PASSWORD, userQuota: -1 },
  ];
  for (const answer of wrong) {
    t.same(await send(), []);
    await hook.answer(answer);
  }
  for (const error of [new Error('the database is down'), undefined]) {
    t.same(await send(), []);
    await hook.fail(error);
  }
  t.same(world.takeFor(alice.address), []);
  t.equal(world.lookups?.stats.results.failed, wrong.length + 2);
  t.same(world.faults, []);
  const said = world.lookupFailures.map(({ error }) => String(error)).join('\n');
  t.match(said, /the database is down/);
  t.match(said, /did you mean `expiresAtSeconds`/);
  t.notMatch(said, /letmein/);
  t.same(await send(), []);
  await hook.answer();
  t.equal(alice.answerIn(world.takeFor(alice.address)).messageClass, 'success');
});

t.test('a hook that throws at once is contained', async (t) => {
  const authenticate = () => {
    throw new Error('at once');
  };
  const { world, alice } = hookScene({ authenticate });
  t.same(await alice.send(Method.Allocate, ALLOCATE), []);
  t.match(world.lookupFailures, [{ reason: 'failed', error: { message: 'at once' } }]);
});

t.test('a hook may answer without a promise', async (t) => {
  const { alice } = hookScene({ authenticate: () => ({ password: PASSWORD }) });
  t.equal((await alice.allocate()).messageClass, 'success');
  const nobody = hookScene({ authenticate: () => undefined });
  t.equal((await nobody.alice.allocate()).code, 401);
});

t.test('a call without a result is given up, and a late result counts for nothing', async (t) => {
  const { hook, world, alice } = hookScene();
  await alice.send(Method.Allocate, ALLOCATE);
  const signal = hook.calls[0]?.request.signal;
  await world.pass(4);
  t.equal(signal?.aborted, false);
  await world.pass(1);
  t.equal(signal?.aborted, true);
  t.match(world.lookupFailures, [{ reason: 'timed-out' }]);
  t.equal(world.lookups?.pending, 0);
  await hook.answer();
  t.same(world.takeFor(alice.address), []);
  t.equal(world.turn.allocations, 0);
  await alice.send(Method.Allocate, ALLOCATE);
  t.equal(hook.calls.length, 2, 'the client asks again');
  t.match(world.lookups?.stats.results, { timed_out: 1, known: 0, failed: 0 });
});

t.test('what counts is the state when the answer comes', async (t) => {
  await t.test('another user has an allocation on the 5-tuple', async (t) => {
    const { hook, world, alice, client } = hookScene();
    await alice.send(Method.Allocate, ALLOCATE);
    t.equal((await client({ username: STATIC_USER }).allocate()).messageClass, 'success');
    await hook.answer();
    t.equal(alice.answerIn(world.takeFor(alice.address)).code, 437);
  });
  await t.test('the nonce has expired', async (t) => {
    const { hook, world, alice } = hookScene();
    const nonce = world.nonces.issue(alice.address.address);
    world.clock.advance(3_598_000);
    await alice.send(Method.Allocate, ALLOCATE, { nonce });
    await world.pass(3);
    await hook.answer();
    t.equal(world.takeFor(alice.address)[0]?.errorCode()?.code, 438);
  });
  await t.test('the server drains', async (t) => {
    let isDraining = false;
    const { hook, world, alice } = hookScene({ isDraining: () => isDraining });
    await alice.send(Method.Allocate, ALLOCATE);
    isDraining = true;
    await hook.answer();
    t.equal(alice.answerIn(world.takeFor(alice.address)).code, 508);
  });
  await t.test('the server is closed', async (t) => {
    const { hook, world, alice } = hookScene();
    await alice.send(Method.Allocate, ALLOCATE);
    for (const _left of world.turn.closeAll());
    t.equal(hook.calls[0]?.request.signal.aborted, true);
    world.plane.sendError = 'ERR_TURNPIKE_CLOSED';
    await hook.answer();
    await alice.send(Method.Allocate, ALLOCATE);
    t.equal(hook.calls.length, 1);
    t.same(world.sent, []);
    t.same(world.faults, []);
  });
  await t.test('an unknown user of a closed server is not challenged', async (t) => {
    const { hook, world, alice } = hookScene();
    await alice.send(Method.Allocate, ALLOCATE);
    for (const _left of world.turn.closeAll());
    world.plane.sendError = 'ERR_TURNPIKE_CLOSED';
    await hook.answer(null);
    t.same(world.faults, []);
  });
});

t.test('endUser ends allocations, and lets no answer of before admit the user', async (t) => {
  const { hook, world, alice, client } = await allocatedByHook();
  const other = client({ port: 2, username: 'bob' });
  await other.send(Method.Allocate, ALLOCATE);
  await client({ ip: '192.0.2.2' }).send(Method.Allocate, ALLOCATE);
  t.equal(world.turn.endUser('alice'), 1);
  t.equal(world.turn.allocations, 0);
  t.same([...world.turn.stats.ended.entries()], [['user-removed', 1]]);
  await hook.answer();
  t.equal(other.answerIn(world.takeFor(other.address), { username: 'bob' }).code, undefined);
  await hook.answer();
  t.same(world.takeFor({ address: '192.0.2.2', port: 5_000 }), []);
  t.equal(world.lookups?.stats.results.outdated, 1);
  t.same(await alice.send(Method.Allocate, ALLOCATE), [], 'she is asked for again');
  await hook.answer(null);
  t.equal(world.takeFor(alice.address)[0]?.errorCode()?.code, 401);
});

t.test('endUser ends an allocation that is being made', async (t) => {
  const { hook, world, alice } = hookScene();
  world.plane.holdsOpens = true;
  await alice.send(Method.Allocate, ALLOCATE);
  await hook.answer();
  world.turn.endUser('alice');
  world.plane.settle();
  await setImmediate();
  t.equal(alice.answerIn(world.takeFor(alice.address)).code, 441);
  t.equal(world.turn.allocations, 0);
});

t.test('a reload of the other credentials leaves users of the hook alone', async (t) => {
  const { world, alice } = await allocatedByHook();
  world.turn.endUsers(() => false);
  t.equal(world.turn.allocations, 1);
  t.equal((await alice.refresh(600)).code, undefined);
});
