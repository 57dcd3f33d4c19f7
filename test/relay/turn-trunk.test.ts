import t from 'tap';
import { formatAddress, parseAddress, type TransportAddress } from '../../src/address.js';
import { StaticUsers } from '../../src/auth/static-users.js';
import { TurnVerifier } from '../../src/auth/turn-verifier.js';
import type { TransportHandle } from '../../src/native/transport-handle.js';
import { incarnation } from '../../src/registry/incarnation.js';
import { AttributeType } from '../../src/stun/attribute-types.js';
import { Method } from '../../src/stun/methods.js';
import { peerKey } from './world/fake-plane.js';
import { StandardClient, World, type WorldRelay } from './world/index.js';

const PORTS = { min: 50_000, max: 50_999 };
const PERMISSION_MS = 300_000;

const worlds: World[] = [];

/** Adds a relay that serves TURN at its own address, or at another. */
function servingRelay(
  world: World,
  id: string,
  ip: string,
  { relayedIp = ip, xdp = false } = {},
): WorldRelay {
  const users = StaticUsers.parse({ given: [{ source: 'test', text: 'alice:secret' }] });
  const relay = world.addRelay(id, ip, {
    legsMax: 8,
    xdp,
    turn: {
      verifier: new TurnVerifier({ realm: 'turnpike', sources: [users] }),
      relayedAddresses: [{ address: relayedIp, advertised: relayedIp }],
      ports: PORTS,
      policy: { check: () => 'allowed', portsOf: () => PORTS },
      limits: { allocationsMax: 90, userQuota: 90, permissionsMax: 5, channelsMax: 9 },
      defaultFamily: 'ipv4',
      authenticate: undefined,
      authenticateTimeoutMs: 5_000,
      userBandwidth: 0,
      alternateServers: [],
      onEvent: undefined,
    },
  });
  let handles = 500;
  relay.plane.onOpen = async (spec) => {
    handles += 1;
    return { ...spec, handle: handles as TransportHandle };
  };
  return relay;
}

/** A client with an allocation. */
class Allocated {
  readonly #client: StandardClient;
  readonly relay: WorldRelay;
  readonly relayed: TransportAddress;
  readonly handle: TransportHandle;

  private constructor(client: StandardClient, relay: WorldRelay, relayed: TransportAddress) {
    this.#client = client;
    this.relay = relay;
    this.relayed = relayed;
    this.handle = Allocated.#handles.get(relay) as TransportHandle;
  }

  static readonly #handles = new Map<WorldRelay, number>();

  static async open(world: World, relay: WorldRelay, address: string): Promise<Allocated> {
    const client = new StandardClient(world, relay, {
      address,
      username: 'alice',
      password: 'secret',
    });
    const answer = await client.allocate();
    const relayed = answer?.address(AttributeType.XorRelayedAddress);
    if (relayed === undefined) throw new Error('no allocation');
    Allocated.#handles.set(relay, (Allocated.#handles.get(relay) ?? 500) + 1);
    return new Allocated(client, relay, relayed);
  }

  async bind(peer: TransportAddress, number = 0x4000): Promise<boolean> {
    const answer = await this.#client.request(Method.ChannelBind, (writer) =>
      writer.channelNumber(number).address(AttributeType.XorPeerAddress, peer),
    );
    return answer?.messageClass === 'success';
  }

  async permit(...peers: TransportAddress[]): Promise<boolean> {
    const answer = await this.#client.request(Method.CreatePermission, (writer) => {
      for (const peer of peers) writer.address(AttributeType.XorPeerAddress, peer);
    });
    return answer?.messageClass === 'success';
  }

  async refresh(lifetimeSeconds: number): Promise<void> {
    await this.#client.request(Method.Refresh, (writer) =>
      writer.u32(AttributeType.Lifetime, lifetimeSeconds),
    );
  }

  /** Returns the way over the trunk to a peer; undefined for bare UDP. */
  wayTo({ relayed }: { readonly relayed: TransportAddress }) {
    return this.relay.plane.trunkPeers.get(peerKey({ relayed: this.handle, peer: relayed }));
  }
}

/** Two relays that serve TURN, with a client each. */
async function twoClients({ xdp = false } = {}) {
  const world = new World();
  const fra = servingRelay(world, 'fra-1', '192.0.2.10', { xdp });
  const nyc = servingRelay(world, 'nyc-1', '192.0.2.20');
  world.introduce();
  world.pass(1_000);
  const a = await Allocated.open(world, fra, '203.0.113.50:5000');
  const b = await Allocated.open(world, nyc, '203.0.113.60:6000');
  worlds.push(world);
  return { world, fra, nyc, a, b };
}

/** Returns the sessions that lead to a client, with the peers that they come from. */
const sessionsTo = ({ relay, handle }: Allocated) =>
  [...relay.plane.sessions].filter(([, { tuple }]) => tuple.handle === handle);

/** Returns whether everything that a client sends to another one goes over the trunk. */
function isBound(from: Allocated, to: Allocated): boolean {
  const way = from.wayTo(to);
  const session = way && to.relay.plane.sessions.get(way.sessionIndex);
  if (session === undefined || session.channel !== undefined) return false;
  const { handle, remote } = session.tuple;
  return handle === to.handle && formatAddress(remote) === formatAddress(from.relayed);
}

const bindRequests = (world: World, { trunk }: WorldRelay) =>
  world.log.filter(({ from, data }) => {
    const isRequest = data[0] === 0x00 && data[1] === Method.ChannelBind;
    return isRequest && formatAddress(from) === formatAddress(trunk);
  });

t.test('channels to relayed addresses of each other go over the trunk, both ways', async (t) => {
  const { world, fra, nyc, a, b } = await twoClients();
  t.ok(await a.bind(b.relayed));
  world.pass(200);
  t.notOk(a.wayTo(b), 'the other client has not permitted it yet');
  t.ok(await b.bind(a.relayed));
  world.pass(400);
  t.ok(isBound(a, b));
  t.ok(isBound(b, a));
  t.equal(a.wayTo(b)?.lifetimeSeconds, 120);
  t.equal(fra.core.turn?.trunk?.sessions, 1);
  const before = bindRequests(world, fra).length;
  world.pass(200_000);
  t.ok(isBound(a, b), 'it is renewed');
  const renewals = bindRequests(world, fra).length - before;
  t.ok(renewals === 3, `${renewals} renewals in 200 s`);
  t.equal(nyc.plane.sessions.size, 1);
});

t.test(
  'a relay with XDP neither asks nor accepts, since its channels leave as bare UDP',
  async (t) => {
    const { world, fra, nyc, a, b } = await twoClients({ xdp: true });
    t.ok((await a.bind(b.relayed)) && (await b.bind(a.relayed)));
    world.pass(5_000);
    t.equal(bindRequests(world, fra).length, 0);
    t.ok(bindRequests(world, nyc).length > 0, 'the other one asks');
    for (const [from, to] of [
      [a, b],
      [b, a],
    ] as const) {
      t.equal(from.wayTo(to), undefined);
      t.equal(sessionsTo(to).length, 0);
    }
    t.equal(fra.core.turn?.trunk?.sessions, 0);
  },
);

t.test('permissions do, where one side names or learns the port of the other', async (t) => {
  const { world, a, b } = await twoClients();
  t.ok(await a.permit({ ...b.relayed, port: 0 }));
  world.pass(1_000);
  t.equal(a.relay.plane.trunkPeers.size, 0, 'the port is not known');
  t.ok(await b.permit(a.relayed));
  world.pass(400);
  t.ok(isBound(b, a));
  t.ok(isBound(a, b), 'it has learned the port');
  world.pass(PERMISSION_MS + 200_000);
  t.notOk(a.wayTo(b), 'it ends some time after the permission');
  t.notOk(b.wayTo(a));
  t.equal(a.relay.plane.sessions.size + b.relay.plane.sessions.size, 0);
});

t.test('a relay that refuses or does not answer is asked less and less', async (t) => {
  const { world, fra, a, b } = await twoClients();
  world.addRelay('plain-1', '192.0.2.30');
  world.introduce();
  t.ok(await a.bind(parseAddress('192.0.2.30:50001')), 'a relay without TURN');
  t.ok(await a.bind(b.relayed, 0x4001), 'a client that permits nothing');
  t.ok(await a.bind(parseAddress('198.51.100.1:50001'), 0x4002), 'no relay');
  world.pass(60_000);
  t.equal(a.relay.plane.trunkPeers.size, 0);
  const refused = bindRequests(world, fra);
  t.ok(refused.length >= 8 && refused.length <= 14, `${refused.length} requests`);
  const toNyc = ({ to }: { to: TransportAddress }) => to.address === '192.0.2.20';
  world.lose = ({ to, data }) => toNyc({ to }) && data[1] === Method.ChannelBind;
  world.pass(600_000);
  const asked = bindRequests(world, fra).length - refused.length;
  t.ok(asked <= 60, `${asked} requests in ten minutes`);
});

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

t.test('sessions of an allocation are bounded as its permissions are', async (t) => {
  const { world, fra, nyc, b } = await twoClients();
  t.ok(await b.permit({ address: '192.0.2.10', port: 0 }));
  for (let port = 1; port <= 7; port += 1) {
    const c = await Allocated.open(world, fra, `203.0.113.80:${port}`);
    t.ok(await c.bind(b.relayed));
  }
  world.pass(400);
  t.equal(nyc.core.turn?.trunk?.sessions, 5);
  t.equal(fra.plane.trunkPeers.size, 5);
  nyc.plane.full = true;
  world.pass(130_000);
  t.equal(fra.plane.trunkPeers.size, 0, 'a full data plane binds nothing');
});

t.test('no relay has had an internal error', async (t) => {
  for (const { relays } of worlds) {
    for (const { id, core } of relays.values()) t.equal(core.faults, 0, id);
  }
});
