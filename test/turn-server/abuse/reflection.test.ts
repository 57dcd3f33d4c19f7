import { randomBytes } from 'node:crypto';
import t from 'tap';
import { STRANGER_LIMITS } from '../../../src/auth/stranger-limits.js';
import { AttributeType } from '../../../src/stun/attribute-types.js';
import { decodeMessage } from '../../../src/stun/message.js';
import { Method } from '../../../src/stun/methods.js';
import { MessageWriter } from '../../../src/stun/writer.js';
import { until } from '../../until.js';
import { TurnSocket, UdpSocket } from '../turn-socket.js';
import { ALICE, clientOf, peerAt, serverOf } from './scene.js';

t.setTimeout(120_000);

/** Longest challenge: what one token of a source's budget pays for. */
const CHALLENGE_BYTES = 120;

/** An address whose budget no other test uses; requests come "from" it as if they were forged. */
const VICTIM = '127.77.0.1';

const bare = (method: number) => new MessageWriter('request', method, randomBytes(12)).finish();

t.test('reflection: what a forged source can have sent to a victim is bounded', async (t) => {
  const server = await serverOf(t);
  const [at] = server.listen;
  if (at === undefined) throw new Error('the server listens nowhere');
  const victim = await peerAt(t, VICTIM);
  const since = performance.now();
  let sentBytes = 0;
  for (let round = 0; round < 60; round += 1) {
    for (let count = 0; count < 100; count += 1) {
      const request = bare(Method.Allocate);
      sentBytes += request.length;
      victim.send(request, at);
    }
    // What the server has received is handled when it answers another client.
    await (await clientOf(t, server)).request(Method.Refresh);
  }
  const seconds = (performance.now() - since) / 1_000;
  const { challengesBurst, challengesPerSecond } = STRANGER_LIMITS;
  const answersMax = challengesBurst + Math.ceil(challengesPerSecond * seconds) + 1;
  const bytes = victim.waiting.map(({ length }) => length);
  t.ok(bytes.length > 0, 'a client at this address would be served');
  t.ok(bytes.length <= answersMax, `${bytes.length} answers to 6,000 requests`);
  t.ok(Math.max(...bytes) <= CHALLENGE_BYTES);
  const answered = bytes.reduce((sum, each) => sum + each, 0);
  t.ok(answered <= answersMax * CHALLENGE_BYTES && answered < 6 * sentBytes);
});

t.test('reflection: an answer that costs no budget is no longer than its request', async (t) => {
  const server = await serverOf(t);
  const [at] = server.listen;
  if (at === undefined) throw new Error('the server listens nowhere');
  const victim = await peerAt(t, '127.77.0.2');
  // Spends the budget of the address.
  const { challengesBurst } = STRANGER_LIMITS;
  for (let count = 0; count < 2 * challengesBurst; count += 1) {
    victim.send(bare(count % 2 === 0 ? Method.Allocate : Method.Binding), at);
    if (count % 100 === 99) await (await clientOf(t, server)).request(Method.Refresh);
  }
  const long = new MessageWriter('request', Method.Allocate, randomBytes(12))
    .paddedTo(CHALLENGE_BYTES)
    .finish();
  const id = Buffer.from(long.subarray(8, 20)).toString('latin1');
  const answer = () => victim.waiting.find((text) => text.includes(id));
  victim.send(long, at);
  await until('a padded request is answered', () => answer() !== undefined);
  t.ok((answer()?.length ?? Number.POSITIVE_INFINITY) <= long.length);
});

t.test('CVE-2024-2169: no response, indication or garbage is answered', async (t) => {
  const server = await serverOf(t);
  const [at] = server.listen;
  if (at === undefined) throw new Error('the server listens nowhere');
  const other = await UdpSocket.at('127.77.0.3');
  t.teardown(() => other.close());
  for (const method of Object.values(Method)) {
    for (const kind of ['success', 'error', 'indication'] as const) {
      const writer = new MessageWriter(kind, method, randomBytes(12));
      if (kind === 'error') writer.errorCode(400);
      other.send(writer.text(AttributeType.Software, 'x').finish(), at);
    }
  }
  // A challenge of this server itself, as a forged source would have another server send it.
  const client = await TurnSocket.open(at, ALICE);
  t.teardown(() => client.close());
  const challenge = await client.request(Method.Refresh);
  other.send(challenge.bytes, at);
  for (const first of [0x00, 0x01, 0x10, 0x40, 0x80, 0xff]) {
    for (const length of [1, 4, 19, 20, 100]) other.send(Buffer.alloc(length, first), at);
  }
  const last = bare(Method.Binding);
  other.send(last, at);
  const { data } = await other.next();
  const decoded = decodeMessage(data);
  t.ok(decoded.ok && decoded.message.messageClass === 'success');
  t.ok(data.subarray(8, 20).equals(last.subarray(8, 20)), 'the only request is answered first');
  t.strictSame(other.waiting, []);
});
