import t from 'tap';
import { formatAddress, parseAddress, type TransportAddress } from '../../src/address.js';
import { relayKeyPair, relaySecret } from '../../src/auth/keys.js';
import { CHECK_LIMITS } from '../../src/registry/check-limits.js';
import { incarnation } from '../../src/registry/incarnation.js';
import { CLAIM_CHALLENGES_MAX } from '../../src/relay/claim-checker.js';
import { CLAIM_ANSWERS_PER_SECOND } from '../../src/relay/claim-responder.js';
import { RelayMetrics } from '../../src/relay/metrics.js';
import { AttributeType } from '../../src/stun/attribute-types.js';
import { decodeMessage } from '../../src/stun/message.js';
import { Method } from '../../src/stun/methods.js';
import { MessageWriter } from '../../src/stun/writer.js';
import {
  encodeClaimChallenge,
  encodeClaimProof,
  isClaimChallenge,
} from '../../src/trunk/claim-challenge.js';
import { type ControlKeys, controlKeysOf } from '../../src/trunk/control-keys.js';
import { CLUSTER_SECRET, type Flight, World, type WorldRelay } from './world/index.js';

const NOWHERE = parseAddress('192.0.2.99:3480');

/** Three relays. The claim checker is that of nyc-1. */
function world({ introduced = true } = {}) {
  const world = new World();
  let results = 0;
  const onReachability = () => {
    results += 1;
  };
  const fra = world.addRelay('fra-1', '192.0.2.10');
  const nyc = world.addRelay('nyc-1', '192.0.2.20', { onReachability });
  const sin = world.addRelay('sin-1', '192.0.2.30');
  if (introduced) world.introduce();
  const checker = nyc.core.claimChecker;
  const challenge = ({ id, record }: WorldRelay, address: TransportAddress) => ({
    id,
    publicKey: record.publicKey,
    address: formatAddress(address),
  });
  return { world, fra, nyc, sin, checker, challenge, results: () => results };
}

const challengesIn = (flights: readonly Flight[]) =>
  flights.filter(({ data }) => {
    const decoded = decodeMessage(data);
    return decoded.ok && isClaimChallenge(decoded.message);
  });

t.test('a relay proves its service address and its trunk address', async (t) => {
  const { world: w, fra, checker, challenge, results } = world();
  checker.appoint([challenge(fra, fra.service), challenge(fra, fra.trunk)]);
  t.same(checker.results(), []);
  w.pass(100);
  t.same(checker.results(), [
    { id: 'fra-1', address: '192.0.2.10:3478', proved: true },
    { id: 'fra-1', address: '192.0.2.10:3480', proved: true },
  ]);
  t.ok(results() >= 2, 'the result is reported at once');
  w.pass(5_000);
  t.equal(challengesIn(w.log).length, 2, 'no challenge after a proof');
  t.same(fra.core.claimResponder.counts, { answered: 2, refused: 0, over: 0 });
  const lengths = w.log
    .filter(({ to }) => to.port === 3480 && to.address === '192.0.2.20')
    .filter(({ from }) => from.address === '192.0.2.10')
    .map(({ data }) => data.length);
  const [asked] = challengesIn(w.log);
  t.ok(
    lengths.every((length) => length <= (asked?.data.length ?? 0)),
    'no response is longer than the challenge',
  );
});

t.test('a claim is not proved if another relay or none is at the address', async (t) => {
  const { world: w, fra, sin, checker, challenge } = world();
  checker.appoint([
    challenge(fra, sin.service),
    challenge(fra, sin.trunk),
    challenge(fra, NOWHERE),
  ]);
  w.pass(5_000);
  t.same(
    checker.results().map(({ proved }) => proved),
    [false, false, false],
  );
  t.equal(challengesIn(w.log).length, 3 * CLAIM_CHALLENGES_MAX);
  t.equal(sin.core.claimResponder.counts.answered, 0);
  t.equal(sin.core.claimResponder.counts.refused, 2 * CLAIM_CHALLENGES_MAX);
  const text = await new RelayMetrics(sin.core, sin.plane).text();
  t.match(text, 'turnpike_relay_claim_challenges_total{event="refused"} 12');
});

t.test('a claim is proved although two datagrams are lost', async (t) => {
  const { world: w, fra, checker, challenge } = world();
  checker.appoint([challenge(fra, fra.service)]);
  let lost = 0;
  w.lose = ({ to }) => to.port === 3478 && lost++ < 2;
  w.pass(2_000);
  t.match(checker.results(), [{ proved: true }]);
});

t.test(
  'a relay without a registry answers challenges of the relays that the directory named',
  async (t) => {
    const { world: w, fra, nyc, checker, challenge } = world({ introduced: false });
    checker.appoint([challenge(fra, fra.service)]);
    w.pass(1_000);
    t.same(checker.results(), []);
    fra.core.claimResponder.tell([
      { ...nyc.record, id: 'bad-1', publicKey: Buffer.alloc(32).toString('base64') },
      nyc.record,
    ]);
    w.pass(1_000);
    t.match(checker.results(), [{ proved: true }]);
  },
);

t.test('a wrong challenge gets no response, and a wrong response proves nothing', async (t) => {
  const { world: w, fra, nyc, sin, checker, challenge } = world();
  const keys = (from: WorldRelay, to: WorldRelay) =>
    controlKeysOf(from.local, to.record) as ControlKeys;
  const id = new Uint8Array(12).fill(7);
  const to = fra.service;
  const ask = (data: Uint8Array) => {
    const before = w.log.length;
    w.send({ from: nyc.trunk, to, data });
    w.pump();
    return w.log.slice(before + 1).length;
  };
  const { sendKey } = keys(nyc, fra);
  t.equal(ask(encodeClaimChallenge(nyc.local, sendKey, id)), 1);
  const noAnswer: [string, Uint8Array][] = [
    ['of another key', encodeClaimChallenge(nyc.local, keys(sin, fra).sendKey, id)],
    ['to another relay', encodeClaimChallenge(nyc.local, keys(nyc, sin).sendKey, id)],
    [
      'of an unknown relay',
      encodeClaimChallenge({ id: 'who-1', incarnation: incarnation(1) }, sendKey, id),
    ],
    ['with an unknown required attribute', odd(nyc, sendKey, id)],
  ];
  for (const [what, data] of noAnswer) t.equal(ask(data), 0, what);
  t.equal(fra.core.server.stats.client.challenges, 0);

  checker.appoint([challenge(fra, NOWHERE)]);
  w.pass(100);
  const sent = challengesIn(w.log).at(-1);
  const decoded = decodeMessage(sent?.data ?? new Uint8Array());
  const asked = decoded.ok ? decoded.message.transactionId : id;
  const proofs: [string, TransportAddress, Uint8Array][] = [
    ['from elsewhere', fra.trunk, encodeClaimProof(fra.local, keys(fra, nyc).sendKey, asked)],
    ['of another relay', NOWHERE, encodeClaimProof(sin.local, keys(sin, nyc).sendKey, asked)],
    [
      'of the challenge itself',
      NOWHERE,
      encodeClaimProof(fra.local, keys(nyc, fra).sendKey, asked),
    ],
    ['of another transaction', NOWHERE, encodeClaimProof(fra.local, keys(fra, nyc).sendKey, id)],
    ['without integrity', NOWHERE, new MessageWriter('success', 1, asked).finish()],
    ['that refuses', NOWHERE, new MessageWriter('error', 1, asked).errorCode(420).finish()],
  ];
  for (const [what, from, data] of proofs) {
    w.send({ from, to: nyc.trunk, data });
    w.pump();
    t.same(checker.results(), [], what);
  }
  const right = encodeClaimProof(fra.local, keys(fra, nyc).sendKey, asked);
  w.send({ from: NOWHERE, to: nyc.trunk, data: right });
  w.pump();
  t.match(checker.results(), [{ proved: true }], 'the right response after wrong ones');
});

function odd({ local }: WorldRelay, key: Uint8Array, id: Uint8Array): Uint8Array {
  return new MessageWriter('request', Method.Binding, id)
    .text(AttributeType.Username, local.id)
    .u64(AttributeType.RelayStart, BigInt(local.incarnation))
    .u32(AttributeType.SessionIndex, 1)
    .paddedTo(100)
    .integrity('sha256', key)
    .finish();
}

t.test('a flood of forged challenges does not use the budget of registered hosts', async (t) => {
  const { world: w, fra, nyc, checker, challenge } = world();
  const forged = encodeClaimChallenge(nyc.local, new Uint8Array(32), new Uint8Array(12));
  for (let n = 0; n < 3 * CLAIM_ANSWERS_PER_SECOND; n += 1) {
    w.send({ from: parseAddress(`198.51.100.${n % 250}:999`), to: fra.service, data: forged });
  }
  checker.appoint([challenge(fra, fra.service)]);
  w.pass(100);
  t.match(checker.results(), [{ proved: true }]);
});

t.test(
  'challenges are limited in number, and none goes to an invalid or unsuitable address',
  async (t) => {
    const { world: w, fra, nyc, checker, challenge } = world();
    const { publicKey } = fra.record;
    checker.appoint([
      challenge(nyc, fra.service),
      { id: 'fra-1', publicKey, address: 'example.org:3478' },
      { id: 'fra-1', publicKey, address: '224.0.0.1:3478' },
      { id: 'fra-1', publicKey, address: '[2001:db8::1]:3478' },
      { id: 'fra-1', publicKey: Buffer.alloc(32).toString('base64'), address: '192.0.2.10:3478' },
    ]);
    w.pass(1_000);
    t.equal(challengesIn(w.log).length, 0);
    const many = Array.from({ length: 200 }, (_, index) => ({
      id: 'fra-1',
      publicKey,
      address: `10.0.0.${index}:3478`,
    }));
    checker.appoint(many);
    w.pass(100);
    t.equal(challengesIn(w.log).length, CHECK_LIMITS.claimChallengesMax);
    checker.appoint([]);
    w.pass(5_000);
    t.equal(challengesIn(w.log).length, CHECK_LIMITS.claimChallengesMax);
    t.same(checker.results(), []);
  },
);

t.test('a challenge and its proof are encoded as in PROTOCOL.md section 7', async (t) => {
  const local = (id: string) => {
    const { privateKey, publicKey } = relayKeyPair(relaySecret(CLUSTER_SECRET, id));
    return {
      id,
      incarnation: incarnation(1_795_334_400_123),
      privateKey,
      publicKey: Buffer.from(publicKey).toString('base64'),
    };
  };
  const [fra, nyc] = [local('fra-1'), local('nyc-1')];
  const id = Uint8Array.from({ length: 12 }, (_, index) => index);
  const asking = controlKeysOf(fra, nyc) as ControlKeys;
  const asked = controlKeysOf(nyc, fra) as ControlKeys;
  const hex = (bytes: Uint8Array) => Buffer.from(bytes).toString('hex');
  t.equal(hex(encodeClaimChallenge(fra, asking.sendKey, id)), CHALLENGE);
  t.equal(hex(encodeClaimProof(nyc, asked.sendKey, id)), PROOF);
});

const CHALLENGE =
  '000100742112a442000102030405060708090a0b000600056672612d310000007f050008000001a20244e87b' +
  'ff030034' +
  '00'.repeat(52) +
  '001c0020fcae391cf9b0fe0659aa594f4ad7e253819281ba12d49cde0cdf7314e187474e';
const PROOF =
  '0101003c2112a442000102030405060708090a0b000600056e79632d310000007f050008000001a20244e87b' +
  '001c0020a66cc9026bd22febdf616ed08e71058c4c3727e22b159fb125f94e6c0dbaf5c3';
