import t from 'tap';
import { CHALLENGE_TOKEN_BYTES } from '../../src/auth/challenge.js';
import { STRANGER_LIMITS } from '../../src/auth/stranger-limits.js';
import { AttributeType } from '../../src/stun/attribute-types.js';
import { Method } from '../../src/stun/methods.js';
import { MessageWriter } from '../../src/stun/writer.js';
import { FakePeer, twoRelays, type World, type WorldRelay } from '../relay/world/index.js';

const VICTIM = '203.0.113.7';

/** Sends requests with the victim's address as source, from ports that the victim does not use. */
class Forger {
  readonly #world: World;
  readonly #relay: WorldRelay;
  #port = 20_000;

  constructor(world: World, relay: WorldRelay) {
    this.#world = world;
    this.#relay = relay;
  }

  send(method: number, count: number, write: (writer: MessageWriter) => void = () => {}): void {
    for (let n = 0; n < count; n += 1) {
      this.#port = 20_000 + ((this.#port + 1) % 40_000);
      const writer = new MessageWriter('request', method, this.#world.random(12));
      write(writer);
      this.#world.send({
        from: { address: VICTIM, port: this.#port },
        to: this.#relay.service,
        data: writer.finish(),
      });
    }
    this.#world.pump();
  }
}

function scene() {
  const { world, fra, nyc } = twoRelays();
  const forger = new Forger(world, fra);
  let port = 1;
  /** Adds a peer at the victim's address. @returns whether its first attempt allocates */
  const sets = (write: (writer: MessageWriter) => void = () => {}) => {
    port += 1;
    const connectionId = port.toString(16).padStart(32, '0');
    const address = `${VICTIM}:${port}`;
    const peer = new FakePeer(world, { address, relay: fra, role: 0, connectionId });
    if (peer.challenge(write) === undefined) return false;
    return peer.allocate(nyc.service)?.messageClass === 'success';
  };
  return { world, fra, nyc, forger, sets };
}

t.test('forged Binding requests do not limit set-ups', async (t) => {
  const { world, forger, sets, fra } = scene();
  let made = 0;
  // 12 s of 300 a second.
  for (let n = 0; n < 120; n += 1) {
    forger.send(Method.Binding, 30);
    if (n % 2 === 0 && sets()) made += 1;
    world.pass(100);
  }
  t.equal(made, 60);
  forger.send(Method.Binding, STRANGER_LIMITS.challengesBurst);
  t.ok(
    fra.core.server.stats.client.over_binding_budget > 0,
    'forged requests exceed their own budget',
  );
  t.equal(fra.core.server.stats.client.over_challenge_budget, 0);
});

t.test(
  'forged Allocates do not limit padded set-ups, nor set-ups from a proven address',
  async (t) => {
    const { world, forger, sets, fra } = scene();
    forger.send(Method.Allocate, STRANGER_LIMITS.challengesBurst + 1);
    t.equal(sets(), false, 'an unpadded first request from an address without proven clients');
    t.ok(sets((writer) => writer.paddedTo(CHALLENGE_TOKEN_BYTES)));
    let made = 0;
    // 30 s of 1,000 a second.
    for (let n = 0; n < 300; n += 1) {
      forger.send(Method.Allocate, 99);
      if (n % 3 === 0 && sets()) made += 1;
      world.pass(100);
    }
    t.equal(made, 100, 'unpadded ones, now that a peer is proven at the address');
    world.pass(STRANGER_LIMITS.provenSourceMs, 10_000);
    forger.send(Method.Allocate, STRANGER_LIMITS.challengesBurst + 1);
    t.ok(fra.core.server.stats.client.over_challenge_budget > 0, 'a proof expires');
  },
);

t.test('a forged source receives at most six times the bytes of the requests', async (t) => {
  const { world, forger, sets } = scene();
  sets((writer) => writer.paddedTo(CHALLENGE_TOKEN_BYTES));
  for (const method of [Method.Binding, Method.Allocate, Method.Connect, Method.Refresh]) {
    for (const write of [
      () => {},
      (writer: MessageWriter) => writer.u32(0x7fff, 0),
      (writer: MessageWriter) => writer.text(AttributeType.Nonce, 'x').fingerprint(),
      (writer: MessageWriter) => writer.integrity('sha1', new Uint8Array(16)),
    ]) {
      const before = world.log.length;
      forger.send(method, 100, write);
      const flights = world.log.slice(before);
      const bytes = (toVictim: boolean) =>
        flights
          .filter(({ to }) => (to.address === VICTIM) === toVictim)
          .reduce((sum, { data }) => sum + data.length, 0);
      t.ok(bytes(true) <= 6 * bytes(false), `${method}: ${bytes(true)} for ${bytes(false)}`);
    }
  }
});

t.test('a proven peer gets Binding responses despite forged requests', async (t) => {
  const { world, fra, nyc, forger } = scene();
  const peer = new FakePeer(world, { address: `${VICTIM}:9`, relay: fra, role: 0 });
  peer.allocate(nyc.service);
  forger.send(Method.Binding, 3 * STRANGER_LIMITS.challengesBurst);
  const answer = peer.raw(Method.Binding, () => {});
  t.same(answer?.address(AttributeType.XorMappedAddress), peer.address);
  const stranger = new FakePeer(world, { address: `${VICTIM}:10`, relay: fra, role: 0 });
  t.equal(
    stranger.raw(Method.Binding, () => {}),
    undefined,
    'a stranger at the address gets none',
  );
});

t.test('wrong credentials from a port do not block other clients at its address', async (t) => {
  const { world, fra, nyc, sets } = scene();
  const guesser = new FakePeer(world, { address: `${VICTIM}:9`, relay: fra, role: 0 });
  guesser.challenge();
  let tries = 0;
  for (let n = 0; n < 3_000; n += 1) {
    const connectionId = n.toString(16).padStart(32, 'f');
    guesser.credential.username = `9999999999:t${n}/${connectionId}/0`;
    if (guesser.allocate(nyc.service)?.errorCode()?.code === 401) tries += 1;
  }
  t.equal(tries, STRANGER_LIMITS.wrongCredentialsOfPortBurst, 'the others are not checked');
  t.ok(sets(), 'an unpadded first request from another port');
  t.equal(
    fra.core.server.stats.client.over_wrong_credential_budget,
    3_000 - STRANGER_LIMITS.wrongCredentialsOfPortBurst,
  );
});

t.test(
  'a port over the budget of wrong credentials still authenticates its proven credential',
  async (t) => {
    const { world, fra, nyc } = scene();
    const peer = new FakePeer(world, { address: `${VICTIM}:9`, relay: fra, role: 0 });
    t.equal(peer.allocate(nyc.service)?.messageClass, 'success');
    const { username } = peer.credential;
    for (let n = 0; n < 200; n += 1) {
      peer.credential.username = `9999999999:default/${n.toString(16).padStart(32, '0')}/0`;
      peer.refresh(600);
    }
    peer.credential.username = username;
    t.equal(peer.refresh(600)?.messageClass, 'success');
  },
);
