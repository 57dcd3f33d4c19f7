import { setImmediate } from 'node:timers/promises';
import t from 'tap';
import { parseAddress } from '../../src/address.js';
import { tenantRoot, tenantSecret } from '../../src/auth/keys.js';
import { StaticUsers } from '../../src/auth/static-users.js';
import { passwordFor } from '../../src/auth/tenant-credentials.js';
import { mintTurnCredential, TenantTurnUsers } from '../../src/auth/tenant-turn-credentials.js';
import { TurnVerifier } from '../../src/auth/turn-verifier.js';
import type { TransportHandle } from '../../src/native/transport-handle.js';
import { AttributeType, UDP_PROTOCOL } from '../../src/stun/attribute-types.js';
import type { StunMessage } from '../../src/stun/message.js';
import { Method } from '../../src/stun/methods.js';
import {
  CLUSTER_SECRET,
  CONNECTION_ID,
  type Content,
  FakePeer,
  StandardClient,
  World,
} from './world/index.js';

const ROOT = tenantRoot(CLUSTER_SECRET);
const PEER = parseAddress('198.51.100.7:4000');

/** A relay that serves TURN to alice and to tenants' users, in the realm of the overlay. */
function servingRelay(realm = 'turnpike') {
  const world = new World();
  const sources = [
    StaticUsers.parse({ given: [{ source: 'test', text: 'alice:secret' }] }),
    new TenantTurnUsers(ROOT),
  ];
  const fra = world.addRelay('fra-1', '192.0.2.10', {
    turn: {
      verifier: new TurnVerifier({ realm, sources }),
      relayedAddresses: [{ address: '192.0.2.11', advertised: '192.0.2.11' }],
      ports: { min: 50_000, max: 50_999 },
      policy: { check: () => 'allowed' },
      limits: { allocationsMax: 9, userQuota: 9, permissionsMax: 9, channelsMax: 9 },
      mobility: false,
      softwareAttribute: false,
      userBandwidth: 0,
      defaultFamily: 'ipv4',
      alternateServers: [],
      authenticate: undefined,
      authenticateTimeoutMs: 5_000,
      onEvent: undefined,
    },
  });
  let handles = 500;
  fra.plane.onOpen = async (spec) => {
    handles += 1;
    return { ...spec, handle: handles as TransportHandle };
  };
  world.introduce();
  const peer = (address: string, role: 0 | 1) => new FakePeer(world, { address, relay: fra, role });
  const client = (options: Partial<ConstructorParameters<typeof StandardClient>[2]> = {}) =>
    new StandardClient(world, fra, { username: 'alice', password: 'secret', ...options });
  return { world, fra, peer, client };
}

const codeOf = (message: StunMessage | undefined) =>
  message === undefined ? 'none' : (message.errorCode()?.code ?? 'success');

t.test('a first request is challenged by the usage that it is of', async (t) => {
  const { fra, peer } = servingRelay('turn.example.org');
  const stranger = peer('203.0.113.1:1', 0);
  const realmOf = (method: number, content: Content = () => {}) =>
    stranger.raw(method, content)?.text(AttributeType.Realm);
  const { Allocate, Refresh, CreatePermission, ChannelBind, Connect } = Method;
  for (const method of [Allocate, Refresh, CreatePermission, ChannelBind]) {
    t.equal(realmOf(method), 'turn.example.org', `method ${method}`);
  }
  for (const method of [Allocate, Refresh, CreatePermission, Connect]) {
    const marked = realmOf(method, (writer) => writer.connectionIdentifier(CONNECTION_ID));
    t.equal(marked, 'turnpike', `method ${method} of the overlay`);
  }
  t.equal(realmOf(Connect), 'turnpike', 'a method that TURN over UDP does not have');
  t.equal(fra.core.faults, 0);
});

t.test('peers and standard clients use one port at the same time', async (t) => {
  const { fra, peer, client } = servingRelay();
  const [a, b] = [peer('203.0.113.1:1', 0), peer('203.0.113.2:2', 1)];
  const standard = client();
  t.equal(codeOf(a.allocate(fra.service)), 'success');
  const allocated = await standard.allocate();
  t.equal(codeOf(allocated), 'success');
  t.equal(allocated?.address(AttributeType.XorRelayedAddress)?.address, '192.0.2.11');
  t.equal(codeOf(b.allocate(fra.service)), 'success');
  const toPeer: Content = (writer) => writer.address(AttributeType.XorPeerAddress, PEER);
  t.equal(codeOf(await standard.request(Method.CreatePermission, toPeer)), 'success');
  a.connect(b.address);
  b.connect(a.address);
  t.equal(codeOf(a.connectAnswer), 'success');
  const bind: Content = (writer) => toPeer(writer.channelNumber(0x4000));
  t.equal(codeOf(await standard.request(Method.ChannelBind, bind)), 'success');
  t.equal(codeOf(await standard.request(Method.Refresh)), 'success');
  t.equal(codeOf(a.refresh(600)), 'success');
  t.equal(codeOf(await standard.request(Method.Binding)), 'success');
  t.equal(fra.core.context.legs.size, 2);
  t.equal(fra.core.turn?.allocations, 1);
  t.equal(fra.core.faults, 0);
});

t.test('a credential of the overlay opens no allocation, and the reverse', async (t) => {
  for (const realm of ['turnpike', 'turn.example.org']) {
    const { world, fra, peer, client } = servingRelay(realm);
    const leg = peer('203.0.113.1:1', 0);
    t.equal(codeOf(await client(leg.credential).allocate()), 401, `${realm}: a leg's`);
    const expiresAtSeconds = Math.floor(world.clock.now() / 1_000) + 600;
    const minted = mintTurnCredential({
      tenantSecret: tenantSecret(ROOT, 'default'),
      tenant: 'default',
      user: 'bob',
      expiresAtSeconds,
    });
    const asLeg: Content = (writer) =>
      writer
        .connectionIdentifier(CONNECTION_ID)
        .connectionRole(0)
        .address(AttributeType.XorPeerRelayAddress, fra.service);
    for (const [index, user] of [minted, {}].entries()) {
      const address = `203.0.113.6:${index + 1}`;
      t.equal(codeOf(await client({ address, ...user }).allocate(asLeg)), 401, 'no leg for it');
    }
    t.equal(fra.core.context.legs.size, 0);
    t.equal(fra.core.turn?.allocations, 0);
    t.equal(codeOf(await client(minted).allocate()), 'success', "a tenant's user");
  }
});

t.test("a leg's credential does not fit with the user's name of TURN", async (t) => {
  const { client } = servingRelay();

  const username = '1900000000:default/turn/bob';
  const password = passwordFor(tenantSecret(ROOT, 'default'), username);
  t.equal(codeOf(await client({ username, password }).allocate()), 401);
});

t.test('a 5-tuple has legs or an allocation, not both', async (t) => {
  const { world, fra, peer, client } = servingRelay();
  const address = '203.0.113.1:1';
  const leg = peer(address, 0);
  const standard = client({ address });
  t.equal(codeOf(leg.allocate(fra.service)), 'success');
  t.equal(codeOf(await standard.allocate()), 437, 'a leg is there');
  t.equal(codeOf(await standard.request(Method.Refresh)), 437, 'no allocation is there');
  t.equal(codeOf(leg.allocate(fra.service)), 'success', 'the leg stays');
  t.equal(codeOf(leg.refresh(0)), 'success');

  t.equal(codeOf(await standard.allocate()), 'success');
  world.pass(1_000);
  t.equal(codeOf(leg.allocate(fra.service)), 437, 'an allocation is there');
  t.equal(codeOf(leg.refresh(600)), 437, 'no leg is there');
  t.equal(fra.core.context.legs.size, 0);
  t.equal(fra.core.context.stats.refusals.of('tuple-in-use'), 1);
  const end: Content = (writer) => writer.u32(AttributeType.Lifetime, 0);
  t.equal(codeOf(await standard.request(Method.Refresh, end)), 'success');
  world.pass(1_000);
  t.equal(codeOf(leg.allocate(fra.service)), 'success');
});

t.test('no leg is made while an allocation is opened', async (t) => {
  const { fra, peer, client } = servingRelay();
  const address = '203.0.113.1:1';
  const leg = peer(address, 0);
  leg.challenge((writer) => writer.connectionIdentifier(CONNECTION_ID));
  const { onOpen } = fra.plane;
  let inBetween: StunMessage | undefined;
  fra.plane.onOpen = (spec) => {
    const opening = onOpen(spec);
    return setImmediate().then(() => {
      inBetween = leg.allocate(fra.service);
      return opening;
    });
  };
  const standard = client({ address });
  await standard.allocate();
  await setImmediate();
  t.equal(codeOf(inBetween), 437);
  t.equal(fra.core.turn?.allocations, 1);
  t.equal(fra.core.context.legs.size, 0);
});

t.test('a Binding may have the attributes of either usage', async (t) => {
  const { peer } = servingRelay();
  const stranger = peer('203.0.113.1:1', 0);
  const known: Content = (writer) =>
    writer.connectionIdentifier(CONNECTION_ID).requestedTransport(UDP_PROTOCOL);
  t.equal(codeOf(stranger.raw(Method.Binding, known)), 'success');
  const token: Content = (writer) =>
    writer.bytes(AttributeType.ReservationToken, new Uint8Array(8));
  t.equal(codeOf(stranger.raw(Method.Binding, token)), 'success');
  const unknown: Content = (writer) => writer.u32(0x7f7f, 0);
  t.equal(codeOf(stranger.raw(Method.Binding, unknown)), 420);
});

t.test('an attribute of the overlay alone makes no request one of the overlay', async (t) => {
  const { client } = servingRelay();
  const role: Content = (writer) => writer.connectionRole(0);
  t.equal(codeOf(await client().allocate(role)), 420);
});

t.test('without TURN its methods are answered by the overlay', async (t) => {
  const world = new World();
  const fra = world.addRelay('fra-1', '192.0.2.10');
  world.introduce();
  const leg = new FakePeer(world, { address: '203.0.113.1:1', relay: fra, role: 0 });
  t.equal(fra.core.turn, undefined);
  for (const method of [Method.Allocate, Method.CreatePermission, Method.ChannelBind]) {
    const challenge = leg.raw(method, (writer) => writer.requestedTransport(UDP_PROTOCOL));
    t.equal(codeOf(challenge), 401);
    t.equal(challenge?.text(AttributeType.Realm), 'turnpike');
    leg.challenge();
    t.equal(codeOf(leg.request(method, () => {})), 400, 'CONNECTION-IDENTIFIER is missing');
  }
  const user = mintTurnCredential({
    tenantSecret: tenantSecret(ROOT, 'default'),
    tenant: 'default',
    expiresAtSeconds: 1_900_000_000,
  });
  t.equal(codeOf(await new StandardClient(world, fra, user).allocate()), 401);
});
