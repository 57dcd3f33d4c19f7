import { randomBytes } from 'node:crypto';
import t, { type Test } from 'tap';
import type { TurnServerOptions } from '../../src/index.js';
import { AttributeType } from '../../src/stun/attribute-types.js';
import { Method } from '../../src/stun/methods.js';
import { MessageWriter } from '../../src/stun/writer.js';
import { until } from '../until.js';
import { openServer } from './open-server.js';
import { TurnSocket, UdpSocket } from './turn-socket.js';

const CHANNEL = 0x4000;

t.setTimeout(120_000);

async function openWithClient(t: Test, options: Partial<TurnServerOptions>) {
  const server = await openServer(t, options);
  const [at] = server.listen;
  if (at === undefined) throw new Error('the server listens nowhere');
  const client = await TurnSocket.open(at, { username: 'alice', password: 'secret' });
  t.teardown(() => client.close());
  /** Returns the value of a metric. */
  const metric = async (name: string) => {
    const line = (await server.metrics()).split('\n').find((each) => each.startsWith(`${name} `));
    return Number(line?.split(' ').at(-1));
  };
  return { server, client, metric };
}

const message = (messageClass: 'request' | 'indication') =>
  new MessageWriter(messageClass, Method.Binding, randomBytes(12)).finish();

/** Lets a client make an allocation, keep it alive, and exchange ICE's checks with a peer. */
async function useAllocation(
  t: Test,
  client: TurnSocket,
  metric: (name: string) => Promise<number>,
) {
  const peer = await UdpSocket.at('127.0.0.2');
  t.teardown(() => peer.close());
  const relayed = await client.allocate();
  t.equal(await client.bind(CHANNEL, peer.address), undefined);
  const indications = 'turnpike_turn_client_messages_total{kind="indications"}';
  const before = await metric(indications);
  client.toServer(message('indication'));
  await until(async () => (await metric(indications)) === before + 1);
  const check = message('request');
  client.channelData(CHANNEL, check);
  t.strictSame(Uint8Array.from((await peer.next()).data), Uint8Array.from(check));
  peer.send(check, relayed);
  const { data } = await client.next();
  t.strictSame(Uint8Array.from(data.subarray(4)), Uint8Array.from(check));
  t.equal(await client.refresh(600), undefined);
}

t.test('everybody gets an answer by default', async (t) => {
  const { client } = await openWithClient(t, {});
  const answer = await client.exchange(message('request'));
  t.equal(answer.messageClass, 'success');
  t.strictSame(answer.address(AttributeType.XorMappedAddress), client.address);
});

t.test('off: no request is answered, and allocations are served as ever', async (t) => {
  const { client, metric } = await openWithClient(t, { binding: 'off' });
  const dropped = 'turnpike_turn_client_drops_total{reason="binding_off"}';
  client.toServer(message('request'));
  await until(async () => (await metric(dropped)) === 1);
  await useAllocation(t, client, metric);
  client.toServer(message('request'));
  await until(async () => (await metric(dropped)) === 2);
  t.equal(await client.refresh(600), undefined);
  const answered = client.responses.filter(({ method }) => method === Method.Binding);
  t.strictSame(answered, [], 'a client with an allocation gets no answer either');
});

t.test('authenticated: strangers are challenged, and users get a signed answer', async (t) => {
  const { client, metric } = await openWithClient(t, { binding: 'authenticated' });
  const refused = await client.exchange(message('request'));
  t.equal(refused.messageClass, 'error');
  t.equal(refused.errorCode()?.code, 401);
  t.equal(refused.text(AttributeType.Realm), 'turnpike');
  t.ok(refused.has(AttributeType.Nonce));
  t.notOk(refused.has(AttributeType.XorMappedAddress));
  // Checks the integrity of what answers it.
  const answer = await client.request(Method.Binding);
  t.equal(answer.messageClass, 'success');
  t.strictSame(answer.address(AttributeType.XorMappedAddress), client.address);
  t.ok(
    answer.has(AttributeType.MessageIntegrity) || answer.has(AttributeType.MessageIntegritySha256),
  );
  t.equal(await metric('turnpike_turn_requests_total{event="bindings"}'), 1);
  await useAllocation(t, client, metric);
  const unknown = await client.request(Method.Binding, (writer) => writer.u32(0x7fff, 1));
  t.equal(unknown.errorCode()?.code, 420);
  t.strictSame(unknown.unknownAttributes(), [0x7fff]);
});

t.test(
  'authenticated: a wrong password and an unknown user get nothing else than 401',
  async (t) => {
    const { server } = await openWithClient(t, { binding: 'authenticated' });
    for (const user of [
      { username: 'alice', password: 'wrong' },
      { username: 'mallory', password: 'secret' },
    ]) {
      const other = await TurnSocket.open(server.listen[0] as never, user);
      t.teardown(() => other.close());
      const answer = await other.request(Method.Binding);
      t.equal(answer.errorCode()?.code, 401, user.username);
      t.notOk(answer.has(AttributeType.XorMappedAddress));
    }
  },
);

t.test('authenticated: a user whom `authenticate` looks up gets an answer', async (t) => {
  const asked: string[] = [];
  const { server } = await openWithClient(t, {
    binding: 'authenticated',
    authenticate: ({ username }) => {
      asked.push(username ?? '');
      return username === 'bob' ? { password: 'hidden' } : undefined;
    },
  });
  const bob = await TurnSocket.open(server.listen[0] as never, {
    ...{ username: 'bob', password: 'hidden' },
  });
  t.teardown(() => bob.close());
  const answer = await bob.request(Method.Binding);
  t.strictSame(answer.address(AttributeType.XorMappedAddress), bob.address);
  t.strictSame(asked, ['bob']);
});

t.test('NAT behaviour discovery and anything but `open` exclude each other', async (t) => {
  const listen = ['127.0.0.1:0'];
  for (const binding of ['off', 'authenticated'] as const) {
    await t.rejects(openWithClient(t, { listen, binding, natDiscovery: true }), {
      code: 'ERR_TURNPIKE_CONFIG',
      message: new RegExp(`--nat-discovery.*--binding\\) ${binding} refuses: leave one of them`),
    });
  }
  await t.rejects(openWithClient(t, { binding: 'on' as never }), {
    code: 'ERR_TURNPIKE_CONFIG',
    message: /binding.*open.*authenticated.*off/,
  });
  const { server } = await openWithClient(t, {});
  t.throws(() => server.update({ binding: 'off' } as never), { code: 'ERR_TURNPIKE_CONFIG' });
});
