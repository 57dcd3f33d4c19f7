import t from 'tap';
import { OauthKeys } from '../../src/auth/oauth-keys.js';
import { OauthUsers } from '../../src/auth/oauth-users.js';
import { StaticUsers } from '../../src/auth/static-users.js';
import { TurnVerifier } from '../../src/auth/turn-verifier.js';
import { AttributeType } from '../../src/stun/attribute-types.js';
import { Method } from '../../src/stun/methods.js';
import { mintToken, type TestKey } from '../auth/access-tokens.js';
import {
  ALLOCATE,
  type Answer,
  type Content,
  PASSWORD,
  PEER,
  REALM,
  type RequestOptions,
  TurnClient,
  TurnWorld,
  type WorldOptions,
} from './world/index.js';

const { AccessToken, EvenPort, Lifetime, MobilityTicket } = AttributeType;
const { ReservationToken, ThirdPartyAuthorization } = AttributeType;
const SERVER = 'turn.example.org';

/** The keys, by kid: two of one authorization server, and one of another. */
const KEYS: Readonly<Record<string, TestKey>> = {
  old: { key: Buffer.alloc(32, 1), algorithm: 'A256GCM' },
  new: { key: Buffer.alloc(16, 2), algorithm: 'A128GCM' },
  other: { key: Buffer.alloc(32, 3), algorithm: 'A256GCM' },
};

function keysOf(...kids: string[]): OauthKeys {
  const given = kids.map((kid) => {
    const { key, algorithm } = KEYS[kid] as TestKey;
    const issuer = kid === 'other' ? 'other.org' : 'as.org';
    const base64 = Buffer.from(key).toString('base64');
    const text = `kid=${kid}, ikm_key=${base64}, as_rs_alg=${algorithm}, realm=${issuer}`;
    return { source: kid, text };
  });
  return OauthKeys.parse({ given });
}

/** What a token differs in from one that counts now for an hour. */
interface Difference {
  readonly kid?: string;
  readonly key?: TestKey;
  readonly serverName?: string;
  /** From now. */
  readonly madeInSeconds?: number;
  readonly lifetimeSeconds?: number;
  readonly macKey?: Uint8Array;
  /** What is sent in its place. */
  readonly change?: (token: Uint8Array) => Uint8Array;
}

/** A server with keys and the user `alice`, and a client that has tokens. */
function openScene(options: WorldOptions = {}) {
  const oauth = new OauthUsers(SERVER, keysOf(...Object.keys(KEYS)));
  const given = ['alice', 'old'].map((name) => ({ source: name, text: `${name}:${PASSWORD}` }));
  const users = StaticUsers.parse({ given });
  const verifier = new TurnVerifier({ realm: REALM.name, sources: [users], oauth });
  const world = new TurnWorld({ verifier, realm: verifier.realm, ...options });
  const client = new TurnClient(world);
  let minted = 0;
  /** Makes a token. @returns how to sign with it, and what to send with it */
  const token = (difference: Difference = {}) => {
    minted += 1;
    const { kid = 'old', serverName = SERVER } = difference;
    const { madeInSeconds = 0, lifetimeSeconds = 3_600 } = difference;
    const { macKey = Buffer.alloc(20, minted), change = (whole) => whole } = difference;
    const whole = mintToken(difference.key ?? (KEYS[kid] as TestKey), {
      ...{ serverName, macKey, lifetimeSeconds },
      timestampSeconds: Math.floor(world.clock.now() / 1_000) + madeInSeconds,
    });
    const bytes = change(whole);
    const add: Content = (writer) => writer.bytes(AccessToken, bytes);
    const by: RequestOptions = { username: kid, key: macKey };
    return { bytes, add, by };
  };
  const allocate = (difference?: Difference, from = client) => {
    const { add, by } = token(difference);
    return from.allocate(add, by);
  };
  const refresh = (seconds: number, difference?: Difference, content?: Content, from = client) => {
    const { add, by } = token(difference);
    const whole: Content = (writer) => {
      add(writer);
      content?.(writer);
      writer.u32(Lifetime, seconds);
    };
    return from.ask(Method.Refresh, whole, by);
  };
  return { world, client, oauth, verifier, token, allocate, refresh };
}

const lifetimeOf = ({ message }: Answer) => message.lifetimeSeconds();

t.test('a challenge has the name of the server, only where tokens are taken', async (t) => {
  const { client, world } = openScene();
  const ask = (from: TurnClient, nonce?: string) =>
    from.allocate(() => {}, { password: 'wrong', ...(nonce !== undefined && { nonce }) });
  t.equal((await ask(client)).message.text(ThirdPartyAuthorization), SERVER);
  const stale = await ask(client, 'forged');
  t.strictSame([stale.code, stale.message.has(ThirdPartyAuthorization)], [438, false]);
  t.equal(world.turn.allocations, 0);
  const plain = new TurnClient(new TurnWorld());
  const refused = await ask(plain);
  t.strictSame([refused.code, refused.message.has(ThirdPartyAuthorization)], [401, false]);
});

t.test('a token gets an allocation for as long as it counts', async (t) => {
  const { world, client, token } = openScene();
  const { add, by } = token({ lifetimeSeconds: 900 });
  const wishing: Content = (writer) => {
    add(writer);
    writer.u32(Lifetime, 3_600);
  };
  const made = await client.allocate(wishing, by);
  t.strictSame([made.code, lifetimeOf(made)], [undefined, 900]);
  t.equal((await client.ask(Method.CreatePermission, permit, by)).code, undefined, 'by its key');
  t.equal((await client.bind(0x4000, PEER, by)).code, undefined);
  await world.pass(300);
  const refreshed = await client.refresh(3_600, by);
  t.strictSame([refreshed.code, lifetimeOf(refreshed)], [undefined, 605], 'with 5 s for clocks');
  await world.pass(600);
  t.equal((await client.refresh(600, by)).code, undefined, 'as long as clocks may differ');
  await world.pass(6);
  t.equal((await client.refresh(600, by)).code, 401);
  t.equal((await client.bind(0x4000, PEER, by)).code, 401);
  t.equal(world.turn.allocations, 0);
});

const permit: Content = (writer) => writer.address(AttributeType.XorPeerAddress, PEER);

t.test('an allocation lives less than the default where its token does', async (t) => {
  const { allocate, world } = openScene();
  t.equal(lifetimeOf(await allocate({ lifetimeSeconds: 60 })), 60);
  await world.pass(61);
  t.equal(world.turn.allocations, 0);
});

t.test('a token of a clock that is ahead counts for less at first', async (t) => {
  const { world, allocate, refresh } = openScene();
  t.equal(lifetimeOf(await allocate({ madeInSeconds: 3_100 })), 505);
  await world.pass(500);
  t.equal(lifetimeOf(await refresh(3_600, { madeInSeconds: 2_600 })), 1_005);
});

t.test('responses to tokens may have SHA-256', async (t) => {
  const { client, token } = openScene();
  const { add, by } = token({ macKey: Buffer.alloc(32, 9) });
  t.equal((await client.allocate(add, { ...by, kind: 'sha256' })).code, undefined);
  t.equal((await client.refresh(600, { ...by, kind: 'sha256' })).code, undefined);
});

t.test('a client may sign with the first 16 bytes of the key, as coturn has it', async (t) => {
  const { client, token } = openScene();
  const macKey = Buffer.from('0123456789abcdefghij');
  const { add, by } = token({ macKey });
  const short = { ...by, key: Buffer.from('0123456789abcdef') };
  t.equal((await client.allocate(add, short)).code, undefined);
  t.equal((await client.bind(0x4000, PEER, short)).code, undefined);
  t.equal((await client.refresh(600, by)).code, undefined);
  t.equal((await client.refresh(600, { ...by, key: macKey.subarray(0, 15) })).code, 401);
});

t.test('no other token gets anything', async (t) => {
  const { world, allocate, token, client } = openScene();
  const last = (whole: Uint8Array) =>
    Uint8Array.from(whole, (byte, index) => (index === whole.length - 1 ? byte ^ 1 : byte));
  const table: readonly [string, Difference][] = [
    ['tampered with', { change: last }],
    ['cut', { change: (whole) => whole.subarray(0, -1) }],
    ['empty', { change: () => new Uint8Array(0) }],
    ['of any bytes', { change: () => new Uint8Array(1_000).fill(0xff) }],
    ['of another key', { key: { key: Buffer.alloc(32, 9), algorithm: 'A256GCM' } }],
    ['of a kid with another algorithm', { key: { ...(KEYS.old as TestKey) }, kid: 'new' }],
    ['of an unknown kid', { key: KEYS.old as TestKey, kid: 'unknown' }],
    ['of an empty kid', { key: KEYS.old as TestKey, kid: '' }],
    ['of a user for a kid', { key: KEYS.old as TestKey, kid: 'alice' }],
    ['for another server', { serverName: 'turn.example.com' }],
    ['with a key of 19 bytes', { macKey: Buffer.alloc(19, 7) }],
    ['with a key of 65 bytes', { macKey: Buffer.alloc(65, 7) }],
    ['expired', { madeInSeconds: -3_605 }],
    ['of the future', { madeInSeconds: 3_606 }],
    ['without lifetime', { lifetimeSeconds: 0 }],
  ];
  for (const [what, difference] of table) {
    t.equal((await allocate(difference)).code, 401, `a token ${what}`);
  }
  const { add, by } = token();
  t.equal((await client.allocate(add, { ...by, key: Buffer.alloc(20, 99) })).code, 401, 'stolen');
  t.equal((await client.allocate(() => {}, by)).code, 401, 'a kid without its token');
  const anonymous = await client.send(Method.Allocate, add, { ...by, isAnonymous: true });
  t.equal(anonymous[0]?.errorCode()?.code, 401, 'USERHASH names no key');
  t.equal(world.turn.allocations, 0);
  t.equal((await client.allocate(add, by)).code, undefined, 'the same token with its key does');
});

t.test('a replayed request of another address, or another 5-tuple, gets nothing', async (t) => {
  const { world, client, token } = openScene();
  const { add, by } = token();
  const nonce = world.nonces.issue(client.address.address);
  t.equal((await client.allocate(add, { ...by, nonce })).code, undefined);
  const elsewhere = new TurnClient(world, { ip: '192.0.2.66' });
  t.equal((await elsewhere.allocate(add, { ...by, nonce })).code, 438, 'a nonce is of one address');
  t.equal((await elsewhere.allocate(add, { ...by, key: Buffer.alloc(20, 99) })).code, 401);
  const another = new TurnClient(world, { port: 9 });
  t.equal((await another.refresh(600, by)).code, 401, 'only an allocation keeps a token');
  t.equal(world.turn.allocations, 1);
});

t.test('a Refresh with a newer token prolongs, also by another key of its server', async (t) => {
  const { world, client, allocate, refresh, token } = openScene();
  await allocate({ lifetimeSeconds: 900 });
  await world.pass(500);
  t.equal(lifetimeOf(await refresh(3_600, { lifetimeSeconds: 1_800 })), 1_800);
  const { add, by } = token({ kid: 'new', lifetimeSeconds: 2_400 });
  const whole: Content = (writer) => {
    add(writer);
    writer.u32(Lifetime, 3_600);
  };
  t.equal(lifetimeOf(await client.ask(Method.Refresh, whole, by)), 2_400);
  t.equal((await client.bind(0x4000, PEER, by)).code, undefined, 'it is sent once');
  t.equal((await refresh(600, { kid: 'other' })).code, 441, 'another authorization server');
  t.equal((await refresh(0, { kid: 'other' })).code, 441);
  t.equal((await client.refresh(600)).code, 441, 'a user with a password');
  t.equal((await refresh(600, { madeInSeconds: -3_605 })).code, 401, 'an expired one');
  t.equal((await client.refresh(0, by)).code, undefined);
  t.equal(world.turn.allocations, 0);
});

t.test('a user with a password and a key of the same name are two', async (t) => {
  const { world, client, allocate, refresh } = openScene();
  const user = { username: 'old' };
  t.equal((await client.allocate(() => {}, user)).code, undefined, 'passwords are taken too');
  t.equal((await refresh(600)).code, 441);
  t.equal((await client.refresh(600, user)).code, undefined);
  t.equal((await allocate()).code, 437);
  const other = new TurnClient(world, { port: 9 });
  t.equal((await allocate({}, other)).code, undefined);
  t.equal((await other.refresh(600, user)).code, 401);
});

t.test('a client that moves may renew its token', async (t) => {
  const { world, client, token, refresh } = openScene({ mobility: true });
  const { add, by } = token();
  const made = await client.allocate((writer) => {
    add(writer);
    writer.bytes(MobilityTicket, new Uint8Array(0));
  }, by);
  const ticket = new Uint8Array(made.message.get(MobilityTicket) ?? []);
  await world.pass(10);
  const now = new TurnClient(world, { ip: '203.0.113.9' });
  const present: Content = (writer) => writer.bytes(MobilityTicket, ticket);
  t.equal((await refresh(600, { kid: 'other' }, present, now)).code, 441);
  const newer = token({ kid: 'new', lifetimeSeconds: 300 });
  const whole: Content = (writer) => {
    newer.add(writer);
    present(writer);
  };
  t.equal(lifetimeOf(await now.ask(Method.Refresh, whole, newer.by)), 300);
  const [action] = world.plane.moved.values();
  world.turn.event({ type: 'client-moved', number: action?.number ?? -1 });
  t.equal((await now.refresh(600, newer.by)).code, undefined, 'it is the token from now on');
  t.equal((await now.refresh(600, by)).code, 401);
});

t.test('a reserved port is for another token of the same authorization server', async (t) => {
  const { world, client, token } = openScene();
  const { add, by } = token();
  const made = await client.allocate((writer) => {
    add(writer);
    writer.bytes(EvenPort, Uint8Array.of(0x80));
  }, by);
  const reservation = new Uint8Array(made.message.get(ReservationToken) ?? []);
  const codes = [];
  for (const kid of ['other', 'new']) {
    const another = token({ kid });
    const whole: Content = (writer) => {
      another.add(writer);
      writer.bytes(ReservationToken, reservation);
    };
    codes.push((await new TurnClient(world, { port: 9 }).allocate(whole, another.by)).code);
  }
  t.strictSame(codes, [508, undefined]);
});

t.test('quotas count an authorization server as a user, whatever the token and key', async (t) => {
  const limits = { allocationsMax: 100, userQuota: 2, permissionsMax: 10, channelsMax: 10 };
  const { world, allocate } = openScene({ limits });
  const codes = [];
  for (const [port, kid] of [
    [1, 'old'],
    [2, 'old'],
    [3, 'old'],
    [4, 'new'],
    [5, 'other'],
  ] as const) {
    codes.push((await allocate({ kid }, new TurnClient(world, { port }))).code);
  }
  t.strictSame(codes, [undefined, undefined, 486, 486, undefined]);
});

t.test('keys are replaced: allocations of those that are left stay', async (t) => {
  const { world, oauth, verifier, allocate, refresh, token, client } = openScene();
  const other = new TurnClient(world, { port: 9 });
  const { add, by } = token();
  t.equal((await client.allocate(add, by)).code, undefined);
  t.equal((await allocate({ kid: 'new' }, other)).code, undefined);
  const third = new TurnClient(world, { port: 10 });
  t.equal((await third.allocate()).code, undefined);
  oauth.replace(keysOf('new'));
  world.turn.endUsers((username, key, terms) => verifier.accepts(username, key, terms));
  await world.pass(1);
  t.equal(world.turn.allocations, 2, 'those of the removed key have ended');
  t.equal(world.turn.stats.ended.of('user-removed'), 1);
  t.equal((await client.allocate(add, by)).code, 401, 'a remembered token is forgotten');
  t.equal((await refresh(600, { kid: 'new' }, undefined, other)).code, undefined);
  t.equal((await third.refresh(600)).code, undefined);
  oauth.replace(keysOf('old'));
  t.equal((await client.allocate(add, by)).code, undefined, 'it counts again with its key');
});

t.test('a key that expires takes its tokens along', async (t) => {
  const { world, oauth, allocate } = openScene();
  const now = Math.floor(world.clock.now() / 1_000);
  const base64 = Buffer.from((KEYS.old as TestKey).key).toString('base64');
  const text = `kid=old, ikm_key=${base64}, timestamp=${now}, lifetime=100`;
  oauth.replace(OauthKeys.parse({ given: [{ source: 'test', text }] }));
  t.equal(lifetimeOf(await allocate()), 105);
  await world.pass(105);
  t.equal((await allocate()).code, 401);
});

t.test('a token is looked at after the nonce, and remembered once it has proved', async (t) => {
  const { world, client, token, oauth } = openScene();
  let found = 0;
  const find = oauth.find.bind(oauth);
  oauth.find = (kid, given) => {
    found += 1;
    return find(kid, given);
  };
  const { bytes, add, by } = token();
  await client.allocate(add, { ...by, nonce: 'forged' });
  await client.send(Method.Allocate, ALLOCATE, { ...by, realm: 'another' });
  t.equal(found, 0);
  const known = find('old', bytes);
  t.notOk(known?.isRemembered);
  await client.allocate(add, by);
  t.ok(find('old', bytes)?.isRemembered);
  t.equal(find('old', bytes), find('old', bytes));
  t.equal(world.turn.allocations, 1);
});

t.test('without keys ACCESS-TOKEN is an unknown attribute', async (t) => {
  const client = new TurnClient(new TurnWorld());
  const { code, message } = await client.allocate((writer) =>
    writer.bytes(AccessToken, new Uint8Array(68)),
  );
  t.equal(code, 420);
  t.strictSame(message.unknownAttributes(), [AccessToken]);
});
