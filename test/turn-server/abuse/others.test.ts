import t, { type Test } from 'tap';
import type { TurnServer } from '../../../src/index.js';
import { AttributeType, UDP_PROTOCOL } from '../../../src/stun/attribute-types.js';
import { Method } from '../../../src/stun/methods.js';
import type { MessageWriter } from '../../../src/stun/writer.js';
import { until } from '../../until.js';
import type { Content, TurnSocket, TurnUser } from '../turn-socket.js';
import { ALICE, clientOf, MALLORY, peerAt, received, serverOf } from './scene.js';

t.setTimeout(120_000);

const { EvenPort, ReservationToken, XorPeerAddress } = AttributeType;

t.test("another user's allocation: every request is refused with 441 or 437", async (t) => {
  const server = await serverOf(t);
  const client = await clientOf(t, server);
  const peer = await peerAt(t, '127.0.0.2');
  const other = await peerAt(t, '127.0.0.3');
  await client.allocate();
  t.equal(await client.permit(peer.address), undefined);
  t.equal(await client.bind(0x4000, peer.address), undefined);

  // Mallory, who has a credential of her own, sends from Alice's address and port.
  client.becomes(MALLORY);
  t.equal(await client.permit(other.address), 441);
  t.equal(await client.bind(0x4001, other.address), 441);
  t.equal(await client.bind(0x4000, peer.address), 441);
  t.equal(await client.refresh(0), 441);
  t.equal(await client.refresh(3_600), 441);
  await t.rejects(client.allocate(), /437/);
  // And from her own.
  const mallory = await clientOf(t, server, MALLORY);
  t.equal(await mallory.permit(other.address), 437);
  t.equal(await mallory.refresh(0), 437);
  mallory.channelData(0x4000, "on Alice's channel");
  mallory.indicate("to Alice's peer", peer.address);
  t.equal(await mallory.permit(other.address), 437, 'what was sent before is handled');

  client.becomes(ALICE);
  t.equal(await client.permit(peer.address), undefined);
  client.indicate('to a peer that Mallory wanted', other.address);
  t.strictSame(await received(client, peer), []);
  t.strictSame(other.waiting, []);
  t.equal(server.allocations, 1);
});

t.test("another user's reservation: its token is worth nothing", async (t) => {
  const server = await serverOf(t);
  const reserved = await (await clientOf(t, server)).request(Method.Allocate, (writer) => {
    writer.requestedTransport(UDP_PROTOCOL).bytes(EvenPort, Uint8Array.of(0x80));
  });
  const token = reserved.get(ReservationToken) ?? new Uint8Array();
  t.equal(token.length, 8);
  const withToken = (writer: MessageWriter) => writer.bytes(ReservationToken, token);
  await t.rejects((await clientOf(t, server, MALLORY)).allocate(withToken), /508/);
  const { port } = await (await clientOf(t, server)).allocate(withToken);
  t.equal(port % 2, 1, 'its holder gets the port');
});

t.test('port exhaustion by one user: the quota leaves ports for others', async (t) => {
  const server = await serverOf(t, { ...FEW_PORTS, userQuota: 4, relayPorts: '61000-61007' });
  for (const user of [MALLORY, ALICE]) {
    const codes: (number | undefined)[] = [];
    for (let count = 0; count < 6; count += 1) codes.push(await attempt(t, server, user));
    t.strictSame(codes, [undefined, undefined, undefined, undefined, 486, 486]);
  }
  const pairs = await serverOf(t, { userQuota: 3 });
  t.equal(await attempt(t, pairs, MALLORY, PAIR), undefined);
  t.equal(await attempt(t, pairs, MALLORY, PAIR), 486, 'a reserved port counts');
});

/** An address at which no other test has ports. */
const FEW_PORTS = { relayAddresses: '127.0.0.77' };

/** Asks for an even port, and to reserve the next one. */
const PAIR = (writer: MessageWriter) => writer.bytes(EvenPort, Uint8Array.of(0x80));

/** Allocates from a new client. @returns the error code; undefined for a success */
async function attempt(t: Test, server: TurnServer, user = ALICE, content: Content = () => {}) {
  return codeOf(await clientOf(t, server, user), content);
}

async function codeOf(client: TurnSocket, content: Content = () => {}) {
  const response = await client.request(Method.Allocate, (writer, id) => {
    content(writer.requestedTransport(UDP_PROTOCOL), id);
  });
  return response.errorCode()?.code;
}

t.test('port exhaustion by one user: what it frees comes back to all', async (t) => {
  const server = await serverOf(t, { ...FEW_PORTS, relayPorts: '61000-61003' });
  // A port is free once its socket is closed.
  const takes = async (user: TurnUser) => {
    const client = await clientOf(t, server, user);
    await until('a port is free', async () => (await codeOf(client)) === undefined);
    return client;
  };
  for (let round = 0; round < 5; round += 1) {
    const clients: TurnSocket[] = [];
    for (let count = 0; count < 4; count += 1) clients.push(await takes(MALLORY));
    t.equal(await attempt(t, server), 508, `round ${round}`);
    for (const client of clients) t.equal(await client.refresh(0), undefined);
    t.equal(await (await takes(ALICE)).refresh(0), undefined);
  }
});

t.test('permission flood: an allocation has a bound, and what it holds goes on', async (t) => {
  const server = await serverOf(t);
  const client = await clientOf(t, server, MALLORY);
  const peer = await peerAt(t, '127.0.0.2');
  await client.allocate();
  t.equal(await client.permit(peer.address), undefined);
  const ipOf = (index: number) => `127.1.${index >> 8}.${index & 0xff}`;
  const many = async (from: number, count: number) => {
    const response = await client.request(Method.CreatePermission, (writer) => {
      for (let index = from; index < from + count; index += 1) {
        writer.address(XorPeerAddress, { address: ipOf(index), port: 1 });
      }
    });
    return response.errorCode()?.code;
  };
  for (let from = 0; from < 250; from += 50) t.equal(await many(from, 50), undefined);
  t.equal(await many(250, 6), 508, 'all or none');
  t.equal(await many(250, 5), undefined);
  t.equal(await client.permit({ address: ipOf(300), port: 1 }), 508);
  t.equal(await client.permit(peer.address), undefined, 'the old ones are prolonged');
  t.strictSame(await received(client, peer), []);
  const alice = await clientOf(t, server);
  await alice.allocate();
  t.equal(await alice.permit(peer.address), undefined, 'others have their own');
});

t.test('channel flood: an allocation has a bound, and what it holds goes on', async (t) => {
  const server = await serverOf(t);
  const client = await clientOf(t, server, MALLORY);
  const peer = await peerAt(t, '127.0.0.2');
  await client.allocate();
  t.equal(await client.bind(0x7fff, peer.address), undefined);
  for (let index = 1; index < 256; index += 1) {
    const bound = await client.bind(0x4000 + index, { address: '127.0.0.3', port: index });
    if (bound !== undefined) t.fail(`channel ${index}: ${bound}`);
  }
  t.equal(await client.bind(0x5000, { address: '127.0.0.3', port: 5_000 }), 508);
  t.equal(await client.bind(0x7fff, peer.address), undefined, 'the old ones are prolonged');
  client.channelData(0x7fff, 'still');
  t.equal((await peer.next()).data.toString(), 'still');
  const alice = await clientOf(t, server);
  await alice.allocate();
  t.equal(await alice.bind(0x4000, peer.address), undefined, 'others have their own');
});

t.test('channel flood: one user does not fill the table that all share', async (t) => {
  const server = await serverOf(t, { allocationsMax: 16, userQuota: 8, workers: 1 });
  let refused: number | undefined;
  for (let count = 1; refused === undefined && count <= 8; count += 1) {
    const mallory = await clientOf(t, server, MALLORY);
    await mallory.allocate();
    for (let index = 0; refused === undefined && index < 256; index += 16) {
      const codes = Array.from({ length: 16 }, (_, extra) =>
        mallory.bind(0x4000 + index + extra, {
          address: `127.${count}.0.${index + extra}`,
          port: 1,
        }),
      );
      refused = (await Promise.all(codes)).find((code) => code !== undefined);
    }
  }
  t.equal(refused, 508, 'before the quota is used up');
  const peer = await peerAt(t, '127.0.0.2');
  for (let count = 0; count < 8; count += 1) {
    const alice = await clientOf(t, server);
    await alice.allocate();
    t.equal(await alice.bind(0x4000, peer.address), undefined);
    t.equal(await alice.bind(0x4001, { address: '127.0.0.3', port: 1 }), undefined);
    alice.channelData(0x4000, `of client ${count}`);
    t.equal((await peer.next()).data.toString(), `of client ${count}`);
  }
});
