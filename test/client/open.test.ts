import t from 'tap';
import { transportAddress } from '../../src/address.js';
import { Peer } from '../../src/client/index.js';
import { AttributeType } from '../../src/stun/attribute-types.js';
import { Method } from '../../src/stun/methods.js';
import { ownLoopback } from '../setup/own-loopback.js';
import { CONNECTION_ID, NONCE_PLAIN } from './support/fake-relay.js';
import { scene } from './support/scene.js';
import { rejectionOf, until } from './support/until.js';

/** Where nobody listens. */
const NOBODY = transportAddress(ownLoopback(), 9);

t.test('Allocate has the attributes of PROTOCOL.md section 2', async (t) => {
  const { relay, open } = await scene(t);
  const peer = await open();
  t.equal(peer.state, 'allocated');
  t.strictSame(peer.mappedAddress, transportAddress('127.0.0.1', peer.localAddress?.port ?? 0));
  const { message } = await relay.nth(Method.Allocate, 1);
  t.equal(message.requestedTransport(), 17);
  t.equal(message.connectionIdentifier(), CONNECTION_ID);
  t.equal(message.connectionRole(), 0);
  t.strictSame(message.address(AttributeType.XorPeerRelayAddress), relay.grant.peerRelay);
  t.equal(message.text(AttributeType.Username), relay.grant.username);
  t.equal(message.lifetimeSeconds(), 600);
});

t.test('a challenge is answered with the strongest offered integrity', async (t) => {
  const { relay, open } = await scene(t);
  const peer = await open();
  const [first, second] = [
    await relay.nth(Method.Allocate, 0),
    await relay.nth(Method.Allocate, 1),
  ];
  t.equal(first.signed, undefined);
  t.equal(second.signed, 'sha256');
  t.equal(second.message.passwordAlgorithm(), 2);
  t.notSame(first.message.transactionId, second.message.transactionId);
  t.equal(peer.stats().integrity, 'sha256');
});

t.test('a relay without PASSWORD-ALGORITHMS gets MD5 and MESSAGE-INTEGRITY', async (t) => {
  const { relay, open } = await scene(t);
  relay.algorithms = undefined;
  relay.nonce = NONCE_PLAIN;
  await open();
  t.equal((await relay.nth(Method.Allocate, 1)).signed, 'sha1');
});

t.test('SHA-1 can be required', async (t) => {
  const { relay, open } = await scene(t);
  await open({ integrity: 'sha1' });
  const { signed, message } = await relay.nth(Method.Allocate, 1);
  t.equal(signed, 'sha1');
  t.notOk(message.has(AttributeType.PasswordAlgorithms));
});

t.test('SHA-256 can be required, and a relay without it is rejected', async (t) => {
  const { relay, open, scheduler } = await scene(t);
  relay.algorithms = undefined;
  relay.nonce = NONCE_PLAIN;
  const error = await rejectionOf(open({ integrity: 'sha256' }));
  t.match(error, { code: 'ERR_TURNPIKE_REJECTED', stunCode: 401 });
  t.equal(scheduler.armed, 0);
});

t.test('a peer opens an IPv6 socket for an IPv6 relay', async (t) => {
  const { open } = await scene(t, '::1');
  const peer = await open();
  t.equal(peer.mappedAddress.address, '::1');
});

t.test('a lost request is retransmitted after 250 ms, then after 500 ms', async (t) => {
  const { relay, open, scheduler } = await scene(t);
  relay.drop = 2;
  const opening = open();
  const first = await relay.nth(Method.Allocate, 0);
  scheduler.advance(249);
  t.equal(relay.count(Method.Allocate), 1);
  scheduler.advance(1);
  const second = await relay.nth(Method.Allocate, 1);
  t.same(second.message.bytes, first.message.bytes, 'the same bytes');
  scheduler.advance(500);
  await opening;
  t.equal(relay.count(Method.Allocate), 4, 'three tries of one transaction, then the signed one');
});

t.test(
  'a request whose response is lost is retransmitted with the same transaction id',
  async (t) => {
    const { relay, open, scheduler } = await scene(t);
    let lost = false;
    relay.handler = ({ signed }) => {
      if (signed === undefined || lost) return false;
      lost = true;
      return true;
    };
    const opening = open();
    const signed = await relay.nth(Method.Allocate, 1);
    scheduler.advance(500);
    await opening;
    const again = await relay.nth(Method.Allocate, 2);
    t.same(again.message.transactionId, signed.message.transactionId);
  },
);

t.test('a silent relay is unreachable after 3 s, or after openTimeoutMs', async (t) => {
  for (const [options, ms, requests] of [
    [{}, 3_000, 6],
    [{ openTimeoutMs: 500 }, 500, 1],
    [{ openTimeoutMs: 20_000 }, 20_000, 40],
  ] as const) {
    const { relay, open, scheduler } = await scene(t);
    relay.drop = Number.POSITIVE_INFINITY;
    const opening = rejectionOf(open(options));
    await relay.nth(Method.Allocate, 0);
    scheduler.advance(ms - 1);
    t.not(scheduler.armed, 0);
    scheduler.advance(1);
    t.match(await opening, {
      code: 'ERR_TURNPIKE_RELAY_UNREACHABLE',
      reason: 'relay-unresponsive',
      message: /did not answer Allocate over UDP/,
    });
    await relay.nth(Method.Allocate, requests - 1);
    t.equal(scheduler.armed, 0, 'no timer is left');
  }
});

t.test('a relay with a round trip of nearly 3 s can be used', async (t) => {
  const { relay, open, scheduler } = await scene(t);
  const held: Uint8Array[] = [];
  relay.handler = (received) => {
    const isFirst = held.length === 0;
    const answer = isFirst ? relay.challenge(received) : relay.success(received);
    held.push(answer);
    return true;
  };
  const opening = open();
  await relay.nth(Method.Allocate, 0);
  scheduler.advance(2_900);
  relay.send(held[0] as Uint8Array);
  await until('it signed', () => relay.count(Method.Allocate) > 6);
  scheduler.advance(2_900);
  relay.send(held.at(-1) as Uint8Array);
  t.equal((await opening).state, 'allocated');
});

t.test('an invalid openTimeoutMs is refused', async (t) => {
  const { open } = await scene(t);
  for (const openTimeoutMs of [0, 499, 60_001, Number.NaN]) {
    t.match(await rejectionOf(open({ openTimeoutMs })), { code: 'ERR_TURNPIKE_CONFIG' });
  }
});

t.test('ECONNREFUSED ends the attempt at once', async (t) => {
  const { relay, scheduler } = await scene(t);
  const grant = { ...relay.grant, relay: { ...relay.grant.relay, ...NOBODY } };
  const opening = rejectionOf(Peer.open({ grant }));
  t.match(await opening, { code: 'ERR_TURNPIKE_RELAY_UNREACHABLE', errno: 'ECONNREFUSED' });
  t.equal(scheduler.armed, 0);
});

t.test('an error response rejects with its code', async (t) => {
  for (const code of [300, 400, 403, 437, 440, 442, 446, 486, 508]) {
    const { relay, open, scheduler } = await scene(t);
    relay.handler = (received) => {
      if (received.signed === undefined) return false;
      relay.send(relay.error(received, code));
      return true;
    };
    const error = await rejectionOf(open());
    t.match(error, { code: 'ERR_TURNPIKE_REJECTED', stunCode: code }, `${code}`);
    t.equal(scheduler.armed, 0);
  }
});

t.test('a second 401 rejects with a message about the credentials', async (t) => {
  const { relay, open } = await scene(t);
  const grant = { ...relay.grant, password: 'wrong' };
  const error = await rejectionOf(open({ grant }));
  t.match(error, { code: 'ERR_TURNPIKE_REJECTED', stunCode: 401, message: /credentials/ });
  t.equal(relay.count(Method.Allocate), 2);
});

t.test('an address that cannot be bound rejects with its errno and address', async (t) => {
  const { open } = await scene(t);
  const error = await rejectionOf(open({ bind: transportAddress('192.0.2.77', 0) }));
  t.match(error, { code: 'ERR_TURNPIKE_BIND', errno: 'EADDRNOTAVAIL', address: '192.0.2.77:0' });
});

t.test('a success without XOR-MAPPED-ADDRESS rejects', async (t) => {
  const { relay, open, scheduler } = await scene(t);
  relay.handler = (received) => {
    if (received.signed === undefined) return false;
    relay.send(relay.success(received, () => {}));
    return true;
  };
  t.match(await rejectionOf(open()), { code: 'ERR_TURNPIKE_STUN' });
  t.equal(scheduler.armed, 0);
});

t.test(
  'a success with an unknown required attribute rejects (RFC 8489 section 6.3.3)',
  async (t) => {
    const { relay, open } = await scene(t);
    relay.handler = (received) => {
      if (received.signed === undefined) return false;
      relay.send(relay.success(received, (writer) => writer.u32(0x7fff, 1)));
      return true;
    };
    t.match(await rejectionOf(open()), { code: 'ERR_TURNPIKE_STUN', message: /0x7fff/ });
  },
);

t.test('opening can be aborted at each stage', async (t) => {
  const { relay, open, scheduler } = await scene(t);
  t.match(await rejectionOf(open({ signal: AbortSignal.abort('early') })), {
    code: 'ERR_TURNPIKE_ABORTED',
    cause: 'early',
  });
  relay.handler = () => true;
  const controller = new AbortController();
  const opening = rejectionOf(open({ signal: controller.signal }));
  await relay.nth(Method.Allocate, 0);
  controller.abort();
  t.match(await opening, { code: 'ERR_TURNPIKE_ABORTED' });
  t.equal(relay.count(Method.Refresh), 0, 'no close, since nothing was allocated');
  t.equal(scheduler.armed, 0);
});

t.test('an abort after the challenge closes the leg', async (t) => {
  const { relay, open, scheduler } = await scene(t);
  relay.handler = ({ signed }) => signed !== undefined;
  const controller = new AbortController();
  const opening = rejectionOf(open({ signal: controller.signal }));
  await relay.nth(Method.Allocate, 1);
  controller.abort();
  t.match(await opening, { code: 'ERR_TURNPIKE_ABORTED' });
  t.equal((await relay.nth(Method.Refresh, 0)).message.lifetimeSeconds(), 0);
  t.equal(scheduler.armed, 0);
});
