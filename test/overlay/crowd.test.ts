import t from 'tap';
import { CHALLENGE_TOKEN_BYTES } from '../../src/auth/challenge.js';
import { STRANGER_LIMITS } from '../../src/auth/stranger-limits.js';
import { AttributeType } from '../../src/stun/attribute-types.js';
import { Method } from '../../src/stun/methods.js';
import type { MessageWriter } from '../../src/stun/writer.js';
import { FakePeer, twoRelays, type World, type WorldRelay } from '../relay/world/index.js';

t.setTimeout(120_000);

const GATEWAY = '203.0.113.7';
const CROWD = 4_000;

function member(world: World, relay: WorldRelay, index: number): FakePeer {
  const connectionId = index.toString(16).padStart(32, '0');
  const address = `${GATEWAY}:${10_000 + index}`;
  return new FakePeer(world, { address, relay, role: 0, connectionId });
}

/** Sends the first request, padded as the client library pads it. */
function hello(peer: FakePeer) {
  return peer.challenge((writer) => writer.paddedTo(CHALLENGE_TOKEN_BYTES));
}

/** Spends the gateway's budgets for challenges and for Binding responses. */
function exhaust(neighbour: FakePeer, write: (writer: MessageWriter) => void = () => {}): void {
  for (const method of [Method.Allocate, Method.Binding]) {
    for (let n = 0; n < STRANGER_LIMITS.challengesBurst; n += 1) neighbour.raw(method, write);
    if (neighbour.raw(method, write)) throw new Error('there is budget left');
  }
}

t.test(
  '4,000 peers behind one address can allocate after a neighbour has spent its budget',
  async (t) => {
    const { world, a: neighbour, fra, nyc } = twoRelays();
    exhaust(neighbour);
    let allocated = 0;
    for (let index = 0; index < CROWD; index += 1) {
      const peer = member(world, fra, index);
      hello(peer);
      if (peer.allocate(nyc.service)?.messageClass === 'success') allocated += 1;
    }
    t.equal(allocated, CROWD);
    t.equal(fra.core.context.legs.size, CROWD);
  },
);

t.test('only a request that is shorter than its response uses the budget', async (t) => {
  const { world, a: neighbour, fra, nyc } = twoRelays();
  exhaust(neighbour);
  const peer = member(world, fra, 1);
  t.equal(peer.challenge(), undefined, 'a bare Allocate');
  t.equal(
    peer.raw(Method.Binding, () => {}),
    undefined,
    'a bare Binding',
  );
  const padded = peer.raw(Method.Binding, (writer) => writer.paddedTo(32));
  t.same(
    padded?.address(AttributeType.XorMappedAddress),
    peer.address,
    'a padded Binding request uses none',
  );
  const unknown = peer.raw(Method.Binding, (writer) => writer.u32(0x7fff, 0).paddedTo(80));
  t.equal(unknown?.errorCode()?.code, 420);
  t.ok(hello(peer), 'a padded Allocate');
  t.equal(peer.allocate(nyc.service)?.messageClass, 'success');
});

t.test('a wrong password uses the budget whatever the length of the request', async (t) => {
  const { world, fra, nyc } = twoRelays();
  const guesses = (port: number) => {
    const guesser = member(world, fra, port);
    hello(guesser);
    guesser.credential.password = 'wrong';
    let answered = 0;
    while (guesser.allocate(nyc.service)?.errorCode()?.code === 401) answered += 1;
    return answered;
  };
  t.equal(guesses(1), STRANGER_LIMITS.wrongCredentialsOfPortBurst, 'of one port');
  let all = STRANGER_LIMITS.wrongCredentialsOfPortBurst;
  for (let port = 2; port < 60; port += 1) all += guesses(port);
  t.equal(all, STRANGER_LIMITS.challengesBurst, 'of one address');
});

t.test('a new challenge after a change of the gateway’s address uses no budget', async (t) => {
  const { world, fra, nyc } = twoRelays();
  const peer = member(world, fra, 1);
  hello(peer);
  const moved = new FakePeer(world, { address: '203.0.113.99:1', relay: fra, role: 0 });
  const other = new FakePeer(world, { address: '203.0.113.99:2', relay: fra, role: 0 });
  exhaust(other);
  moved.learnFrom(peer);
  t.equal(moved.allocate(nyc.service)?.messageClass, 'success', 'after one 438');
});

t.test(
  'after a restart of the relay all peers can allocate again without using the budget',
  async (t) => {
    const { world, fra, nyc } = twoRelays();
    const peers = Array.from({ length: 500 }, (_, index) => member(world, fra, index));
    for (const peer of peers) {
      hello(peer);
      peer.allocate(nyc.service);
    }
    world.clock.advance(1_000);
    const again = world.addRelay('fra-1', '192.0.2.10');
    world.introduce();
    const neighbour = member(world, again, 5_000);
    exhaust(neighbour);
    const { challenges } = again.core.server.stats.client;
    const codes = peers.map((peer) => {
      peer.relay = again;
      const refreshed = peer.refresh(600)?.errorCode()?.code;
      return [refreshed, peer.allocate(nyc.service)?.messageClass];
    });
    t.strictSame(
      codes,
      peers.map(() => [437, 'success']),
      'Refresh gets 437, then Allocate succeeds',
    );
    const made = again.core.server.stats.client.challenges - challenges;
    t.equal(
      made,
      peers.length,
      'one challenge each, with a nonce that is newer than the relay’s start',
    );
  },
);
