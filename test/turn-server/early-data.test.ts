import t, { type Test } from 'tap';
import type { TransportAddress } from '../../src/address.js';
import { TurnServer } from '../../src/index.js';
import { checkServerSteering, STEERING } from '../steering.js';
import { until } from '../until.js';
import { RELAY_PORTS, TurnSocket, UdpSocket } from './turn-socket.js';

/** Rounds of each test. */
const ROUNDS = 200;

/**
 * A round whose request took longer to be answered, ms, is repeated: data is held for 500 ms, and
 * the machine may be slow.
 */
const PATIENCE_MS = 400;

t.setTimeout(120_000);

async function openScene(t: Test) {
  const server = await TurnServer.open({
    listen: '127.0.0.1:0',
    relayAddresses: '127.0.0.1',
    users: 'alice:secret',
    relayPorts: RELAY_PORTS,
    allowPeers: '127.0.0.0/8',
    denyPeers: '127.9.0.0/16',
    workers: 2,
    steering: STEERING,
  });
  t.teardown(() => server.close());
  await checkServerSteering(t, server);
  const [at] = server.listen;
  if (at === undefined) throw new Error('the server listens nowhere');
  const client = await TurnSocket.open(at, { username: 'alice', password: 'secret' });
  t.teardown(() => client.close());
  const relayed = await client.allocate();
  const count = (name: Parameters<typeof countOf>[1]) => countOf(server, name);
  return { server, client, relayed, count };
}

function countOf(server: TurnServer, name: keyof ReturnType<TurnServer['counters']>): number {
  return Number(server.counters()[name]);
}

/**
 * Runs `round` with a peer of an address of its own until it was answered fast `ROUNDS` times.
 * @param round - sends, and returns the promise of the answer's error code, which is undefined
 */
async function repeat(
  t: Test,
  round: (peer: UdpSocket, index: number) => Promise<number | undefined>,
  check: (peer: UdpSocket) => Promise<void>,
): Promise<void> {
  for (let [done, index] = [0, 0]; done < ROUNDS; index += 1) {
    const peer = await UdpSocket.at(`127.1.0.${index + 1}`);
    try {
      const start = performance.now();
      const code = await round(peer, index);
      if (performance.now() - start > PATIENCE_MS) continue;
      t.equal(code, undefined);
      await check(peer);
      done += 1;
    } finally {
      peer.close();
    }
  }
}

/** Asserts that a peer gets both datagrams from a relayed address, in order. */
async function bothArrive(t: Test, peer: UdpSocket, relayed: TransportAddress): Promise<void> {
  for (const text of ['first', 'second']) {
    const { data, from } = await peer.next();
    t.strictSame([data.toString(), from], [text, relayed]);
  }
}

t.test('a Send indication right behind its CreatePermission arrives', async (t) => {
  const { client, relayed, count } = await openScene(t);
  await repeat(
    t,
    (peer) => {
      const answer = client.permit(peer.address);
      client.indicate('first', peer.address);
      client.indicate('second', peer.address);
      return answer;
    },
    (peer) => bothArrive(t, peer, relayed),
  );
  t.ok(count('early_data') > 0, 'some were held');
});

t.test('ChannelData right behind its ChannelBind arrives', async (t) => {
  const { client, relayed, count } = await openScene(t);
  await repeat(
    t,
    (peer, index) => {
      const answer = client.bind(0x4000 + index, peer.address);
      client.channelData(0x4000 + index, 'first');
      client.channelData(0x4000 + index, 'second');
      return answer;
    },
    (peer) => bothArrive(t, peer, relayed),
  );
  t.ok(count('early_data') > 0, 'some were held');
});

t.test('what is sent with a refused request never arrives', async (t) => {
  const { client, count } = await openScene(t);
  const denied = await UdpSocket.at('127.9.0.1');
  t.teardown(() => denied.close());
  for (let round = 0; round < 20; round += 1) {
    const answer = client.permit(denied.address);
    client.indicate('denied', denied.address);
    t.equal(await answer, 403);
    const bound = client.bind(0x5000 + round, denied.address);
    client.channelData(0x5000 + round, 'denied');
    t.equal(await bound, 403);
  }
  await until(() => count('send_no_permission') === 20 && count('channel_unknown') === 20);
  t.strictSame(denied.waiting, []);
  t.ok(count('early_data') > 0, 'some were held');
  t.equal(count('client_to_peer'), 0);
});

t.test('a client without a request under way has nothing held', async (t) => {
  const { client, count } = await openScene(t);
  const peer = await UdpSocket.at('127.1.0.1');
  t.teardown(() => peer.close());
  t.equal(await client.refresh(600), undefined);
  client.indicate('early', peer.address);
  client.channelData(0x4000, 'early');
  await until(() => count('send_no_permission') === 1 && count('channel_unknown') === 1);
  t.equal(count('early_data'), 0);
});
