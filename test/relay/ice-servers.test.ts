import t, { type Test } from 'tap';
import { transportAddress } from '../../src/address.js';
import { relaySecret, tenantRoot } from '../../src/auth/keys.js';
import { type Directory, Relay, type RelayOptions } from '../../src/index.js';
import { UDP_PROTOCOL } from '../../src/stun/attribute-types.js';
import { Method } from '../../src/stun/methods.js';
import { API_KEY, openDirectory } from '../client/support/cluster.js';
import { RELAY_PORTS, TurnSocket, UdpSocket } from '../turn-server/turn-socket.js';
import { until } from '../until.js';

const CLUSTER_SECRET = Uint8Array.from({ length: 32 }, (_, index) => index);

t.setTimeout(120_000);

async function relayOf(
  t: Test,
  directory: Directory,
  region: string,
  options: Partial<RelayOptions> = {},
): Promise<Relay> {
  const id = `${region}-1`;
  const relay = await Relay.open({
    id,
    region,
    listen: '127.0.0.1:0',
    trunk: '127.0.0.1:0',
    relaySecret: relaySecret(CLUSTER_SECRET, id),
    tenantRoot: tenantRoot(CLUSTER_SECRET),
    directoryUrl: directory.url,
    relayAddresses: '127.0.0.1',
    relayPorts: RELAY_PORTS,
    allowPeers: '127.0.0.0/8',
    workers: 1,
    ...options,
  });
  t.teardown(() => relay.close());
  await until(`${id} is registered`, () => relay.health().ready);
  return relay;
}

/** Asks for ICE servers until as many relays are given as are there. */
async function iceServers(directory: Directory, relays: number, body: object = {}) {
  // biome-ignore lint/suspicious/noExplicitAny: the shape is what is tested.
  let servers: any[] = [];
  let isAsking = false;
  const ask = async () => {
    isAsking = true;
    const response = await fetch(`${directory.url}/v1/ice-servers`, {
      method: 'POST',
      headers: { authorization: `Bearer ${API_KEY}`, 'content-type': 'application/json' },
      body: JSON.stringify(body),
    });
    const { iceServers = [] } = (await response.json()) as { iceServers?: [] };
    servers = iceServers;
    isAsking = false;
  };
  await until(`${relays} relays are given`, () => {
    if (!isAsking && servers.length !== relays) void ask();
    return servers.length === relays;
  });
  return servers;
}

/** Opens a TURN client with an element of `iceServers`. */
async function clientOf(
  t: Test,
  { urls, username, credential }: { urls: string[]; username: string; credential: string },
): Promise<TurnSocket> {
  const [, ip = '', port] = /^turn:([\d.]+):(\d+)\?transport=udp$/.exec(urls[0] ?? '') ?? [];
  const user = { username, password: credential };
  const client = await TurnSocket.open(transportAddress(ip, Number(port)), user);
  t.teardown(() => client.close());
  return client;
}

t.test(
  'a client allocates at the relays that the directory gives, and exchanges data',
  async (t) => {
    const directory = await openDirectory(t);
    const west = await relayOf(t, directory, 'west', { turn: true });
    const east = await relayOf(t, directory, 'east', { turn: true });
    // Serves TURN to users of its own, whom the directory does not know.
    await relayOf(t, directory, 'south', { users: 'alice:secret' });
    const client = { latencies: { west: 90, east: 10, south: 1 } };
    const servers = await iceServers(directory, 2, { user: 'alice', client, relays: 3 });
    t.strictSame(
      servers.map(({ urls }) => urls),
      [[...(east.turn?.urls ?? [])], [...(west.turn?.urls ?? [])]],
      'the nearest first, with the URLs that they serve',
    );
    for (const server of servers) {
      const socket = await clientOf(t, server);
      const relayed = await socket.allocate();
      const peer = await UdpSocket.at('127.0.0.2');
      t.teardown(() => peer.close());
      t.equal(await socket.bind(0x4000, peer.address), undefined);
      socket.channelData(0x4000, 'there');
      t.equal((await peer.next()).data.toString(), 'there');
      peer.send('and back', relayed);
      t.strictSame(await socket.onChannel(), { channel: 0x4000, payload: 'and back' });
    }
    t.equal(east.turn?.allocations, 1);
    t.equal(west.turn?.allocations, 1);
  },
);

t.test('a quota counts the user, not the credential, and a full relay is not given', async (t) => {
  const directory = await openDirectory(t);
  const relay = await relayOf(t, directory, 'west', {
    turn: true,
    userQuota: 1,
    allocationsMax: 2,
  });
  const of = async (user: string, ttlSeconds: number) => {
    const [server] = await iceServers(directory, 1, { user, ttlSeconds });
    return clientOf(t, server);
  };
  await (await of('alice', 600)).allocate();
  const again = await of('alice', 1_200);
  const refused = await again.request(Method.Allocate, (writer) =>
    writer.requestedTransport(UDP_PROTOCOL),
  );
  t.equal(refused.errorCode()?.code, 486);
  await (await of('bob', 600)).allocate();
  t.equal(relay.turn?.allocations, 2);
  t.same(await iceServers(directory, 0), []);
});
