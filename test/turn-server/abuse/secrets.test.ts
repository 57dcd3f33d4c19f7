import { randomBytes } from 'node:crypto';
import t from 'tap';
import { AttributeType, UDP_PROTOCOL } from '../../../src/stun/attribute-types.js';
import { decodeMessage } from '../../../src/stun/message.js';
import { Method } from '../../../src/stun/methods.js';
import { MessageWriter } from '../../../src/stun/writer.js';
import { ALICE, clientOf, peerAt, serverOf } from './scene.js';

t.setTimeout(120_000);

const { EvenPort, Nonce, Realm, ReservationToken, Username } = AttributeType;

/** Returns the bytes between the values of a message's attributes and their ends. */
function paddingOf(message: Uint8Array): number[] {
  const view = new DataView(message.buffer, message.byteOffset, message.length);
  const padding: number[] = [];
  for (let at = 20; at < message.length; ) {
    const end = at + 4 + view.getUint16(at + 2);
    const next = at + 4 + ((view.getUint16(at + 2) + 3) & ~3);
    padding.push(...message.subarray(end, next));
    at = next;
  }
  return padding;
}

t.test('CVE-2020-4067: padding is zero in every kind of message', async (t) => {
  let padded = 0;
  const check = (message: Uint8Array, what: string) => {
    const padding = paddingOf(message);
    padded += padding.length;
    t.ok(
      padding.every((byte) => byte === 0),
      `${what}: ${padding.length} bytes of padding`,
    );
  };
  // Lengths of the realm that leave one, two and three bytes of padding, and none.
  for (const realm of ['r', 're', 'rea', 'real']) {
    const server = await serverOf(t, { realm, workers: 1 });
    const client = await clientOf(t, server);
    const peer = await peerAt(t, '127.0.0.2');
    const relayed = await client.allocate();
    await client.permit(peer.address);
    await client.bind(0x4000, { ...peer.address, port: 1 });
    await client.request(Method.Refresh, (writer) => writer.bytes(0x0030, Uint8Array.of(1)));
    await client.request(Method.ChannelBind);
    await t.rejects(client.allocate(), /437/);
    for (const message of client.responses) check(message.bytes, `realm ${realm}`);
    for (let length = 0; length < 9; length += 1) {
      // Fills the memory that the indication is made in.
      for (const fill of [0xee, 0xdd]) client.toServer(Buffer.alloc(1_400, fill));
      peer.send(Buffer.alloc(1_400, 0xcc), relayed);
      peer.send(Buffer.alloc(length, 0xbb), relayed);
      for (;;) {
        const { data } = await client.next();
        check(data, 'Data indication');
        const decoded = decodeMessage(data);
        if (!decoded.ok) throw new Error(decoded.reason);
        if (decoded.message.get(AttributeType.Data)?.length === length) break;
      }
    }
  }
  t.ok(padded > 50, `${padded} bytes of padding in all`);
});

/** Whether numbers follow each other by the same step more often than random ones do. */
function isStepped(numbers: readonly number[]): boolean {
  const steps = numbers.slice(1).map((each, index) => each - (numbers[index] as number));
  const most = Math.max(...steps.map((step) => steps.filter((each) => each === step).length));
  return most > numbers.length / 4;
}

t.test('CVE-2025-69217: relayed ports follow no order, and no two servers repeat it', async (t) => {
  const COUNT = 48;
  const portsOf = async () => {
    const server = await serverOf(t, { workers: 1 });
    const ports: number[] = [];
    for (let count = 0; count < COUNT; count += 1) {
      ports.push((await (await clientOf(t, server)).allocate()).port);
    }
    await server.close();
    return ports;
  };
  const [first, second] = [await portsOf(), await portsOf()];
  for (const ports of [first, second]) {
    t.equal(new Set(ports).size, COUNT, 'no port is given twice');
    t.notOk(isStepped(ports), `${ports}`);
    t.ok(Math.max(...ports) - Math.min(...ports) > 1_000, 'they are spread over the range');
  }
  // That of two random orders 6 or more ports are at the same place has a chance of 10^-15.
  t.ok(first.filter((port, index) => port === second[index]).length < 6);
});

t.test('CVE-2025-69217: nonces, tokens and transaction ids cannot be predicted', async (t) => {
  const servers = [await serverOf(t, { workers: 1 }), await serverOf(t, { workers: 1 })];
  const nonces: string[] = [];
  const tokens: string[] = [];
  for (const server of servers) {
    const client = await clientOf(t, server);
    await client.allocate((writer) => writer.bytes(EvenPort, Uint8Array.of(0x80)));
    for (const message of client.responses) {
      const nonce = message.text(Nonce);
      if (nonce !== undefined) nonces.push(nonce);
      const token = message.get(ReservationToken);
      if (token !== undefined) tokens.push(Buffer.from(token).toString('hex'));
    }
  }
  t.equal(nonces.length, 2);
  t.equal(new Set(nonces).size, 2, 'servers of the same second have other nonces');
  t.equal(new Set(tokens).size, 2);

  const [server] = servers;
  if (server === undefined) throw new Error('no server');
  const client = await clientOf(t, server);
  const peer = await peerAt(t, '127.0.0.2');
  const relayed = await client.allocate();
  await client.permit(peer.address);
  const ids: Buffer[] = [];
  for (let count = 0; count < 32; count += 1) {
    peer.send('x', relayed);
    ids.push((await client.next()).data.subarray(8, 20));
  }
  t.equal(new Set(ids.map((id) => id.toString('hex'))).size, ids.length);
  for (const offset of [0, 4, 8]) t.notOk(isStepped(ids.map((id) => id.readUInt32BE(offset))));
});

t.test('CVE-2025-69217: a nonce that was made up from others is refused with 438', async (t) => {
  const server = await serverOf(t);
  const client = await clientOf(t, server);
  await client.allocate();
  const given = client.responses.map((each) => each.text(Nonce)).find((each) => each !== undefined);
  if (given === undefined) throw new Error('no nonce');
  const prefix = given.slice(0, 13);
  const body = Buffer.from(given.slice(13), 'base64');
  for (const [at, by] of [
    [4, 1],
    [4, -1],
    [3, 1],
    [5, 1],
    [20, 1],
  ] as const) {
    const forged = Buffer.from(body);
    forged[at] = ((forged[at] as number) + by) & 0xff;
    const writer = new MessageWriter('request', Method.Allocate, randomBytes(12));
    writer.requestedTransport(UDP_PROTOCOL).text(Username, ALICE.username);
    writer.text(Realm, 'turnpike').text(Nonce, prefix + forged.toString('base64'));
    const message = writer.integrity('sha1', new Uint8Array(16)).finish();
    t.equal((await client.exchange(message)).errorCode()?.code, 438);
  }
});
