import t, { type Test } from 'tap';
import { type AllocationEvent, TurnServer } from '../../src/index.js';
import { AttributeType, UDP_PROTOCOL } from '../../src/stun/attribute-types.js';
import type { StunMessage } from '../../src/stun/message.js';
import { Method } from '../../src/stun/methods.js';
import { STEERING } from '../steering.js';
import { until } from '../until.js';
import { RELAY_PORTS, TurnSocket, UdpSocket } from './turn-socket.js';

const { MobilityTicket, XorRelayedAddress } = AttributeType;
const CHANNEL = 0x4000;

/** Moves of a client at least; it goes on until another worker has received one of its 5-tuples. */
const MOVES_MIN = 4;
const MOVES_MAX = 60;

t.setTimeout(180_000);

async function openServer(t: Test) {
  const events: AllocationEvent[] = [];
  const server = await TurnServer.open({
    listen: ['127.0.0.1:0', '[::1]:0'],
    relayAddresses: '127.0.0.1',
    users: ['alice:secret', 'bob:secret'],
    relayPorts: RELAY_PORTS,
    allowPeers: '127.0.0.0/8',
    workers: 2,
    steering: STEERING,
    mobility: true,
    onEvent: (event) => events.push(event),
  });
  t.teardown(() => server.close());
  const count = (name: 'handed_over' | 'peer_to_client') => Number(server.counters()[name]);
  return { server, events, count };
}

/** Opens a client's socket at a loopback address. */
async function openAt(t: Test, { listen }: TurnServer, ip: string, username = 'alice') {
  const at = listen.find(({ address }) => address.includes(':') === ip.includes(':'));
  if (at === undefined) throw new Error('the server does not listen there');
  const client = await TurnSocket.open(at, { username, password: 'secret' }, ip);
  t.teardown(() => client.close());
  return client;
}

function ticketIn(response: StunMessage): Uint8Array {
  const ticket = response.get(MobilityTicket);
  if (ticket === undefined) throw new Error(`no ticket: ${response.errorCode()?.code}`);
  return new Uint8Array(ticket);
}

/** Sends a Refresh with a ticket, after as many transactions as it takes to get an answer. */
const present = (client: TurnSocket, ticket: Uint8Array) =>
  client.request(Method.Refresh, (writer) => writer.bytes(MobilityTicket, ticket));

/** Makes an allocation whose client may move. */
async function allocate(client: TurnSocket) {
  const response = await client.request(Method.Allocate, (writer) =>
    writer.requestedTransport(UDP_PROTOCOL).bytes(MobilityTicket, new Uint8Array(0)),
  );
  const relayed = response.address(XorRelayedAddress);
  if (relayed === undefined) throw new Error(`Allocate: ${response.errorCode()?.code}`);
  return { relayed, ticket: ticketIn(response) };
}

t.test('a client moves between ports, addresses, families and workers with its data', async (t) => {
  const { server, events, count } = await openServer(t);
  const [peer, other] = [await UdpSocket.at('127.0.0.2'), await UdpSocket.at('127.0.0.4')];
  for (const each of [peer, other]) t.teardown(() => each.close());
  let client = await openAt(t, server, '127.0.0.1');
  const { relayed, ...made } = await allocate(client);
  let { ticket } = made;
  t.equal(await client.bind(CHANNEL, peer.address), undefined);
  t.equal(await client.permit(other.address), undefined);
  const ips = ['127.0.0.1', '127.0.0.3', '::1'];
  let moves = 0;
  for (; moves < MOVES_MAX && (moves < MOVES_MIN || count('handed_over') === 0); moves += 1) {
    const before = client;
    const now = await openAt(t, server, ips[moves % ips.length] as string);
    const response = await present(now, ticket);
    t.equal(response.messageClass, 'success');
    t.notSame(ticketIn(response), ticket);
    // Both 5-tuples send, and peers still reach the old one.
    before.channelData(CHANNEL, 'before');
    t.match(await peer.next(), { from: relayed });
    peer.send('to the old one', relayed);
    t.same(await before.onChannel(), { channel: CHANNEL, payload: 'to the old one' });
    if (moves % 2 === 0) {
      now.channelData(CHANNEL, `moved ${moves}`);
      t.match(await peer.next(), { from: relayed, data: Buffer.from(`moved ${moves}`) });
    } else {
      now.indicate(`moved ${moves}`, other.address);
      t.match(await other.next(), { from: relayed, data: Buffer.from(`moved ${moves}`) });
    }
    await until(() => events.filter(({ type }) => type === 'moved').length === moves + 1);
    t.equal(await now.refresh(600), undefined, 'the entries have moved when it is answered');
    peer.send('back', relayed);
    t.same(await now.onChannel(), { channel: CHANNEL, payload: 'back' });
    other.send('data', relayed);
    t.same(await now.indicated(), { peer: other.address, payload: 'data' });
    now.channelData(CHANNEL, 'channel');
    t.match(await peer.next(), { from: relayed, data: Buffer.from('channel') });
    now.indicate('send', other.address);
    t.match(await other.next(), { from: relayed, data: Buffer.from('send') });
    t.equal(await now.bind(CHANNEL, peer.address), undefined);
    t.equal(await before.permit(peer.address), 437);
    [client, ticket] = [now, ticketIn(response)];
  }
  t.ok(count('handed_over') > 0, 'two workers took part');
  t.equal(await client.refresh(0), undefined);
  t.match(events.at(-1), {
    type: 'ended',
    reason: 'deleted',
    client: client.address,
    traffic: { packetsFromClient: 4 * moves, packetsToClient: 3 * moves },
  });
});

t.test('data flows while a client moves', async (t) => {
  const { server } = await openServer(t);
  const peer = await UdpSocket.at('127.0.0.2');
  t.teardown(() => peer.close());
  const before = await openAt(t, server, '127.0.0.1');
  const { relayed, ticket } = await allocate(before);
  t.equal(await before.bind(CHANNEL, peer.address), undefined);
  const now = await openAt(t, server, '127.0.0.3');
  let sent = 0;
  const timer = setInterval(() => {
    peer.send(`${sent}`, relayed);
    sent += 1;
  }, 1);
  t.teardown(() => clearInterval(timer));
  await until(() => before.waiting.length > 10);
  await present(now, ticket);
  now.channelData(CHANNEL, 'here');
  await until(() => now.waiting.length > 10);
  clearInterval(timer);
  await until(() => before.waiting.length + now.waiting.length === sent);
  const numbers = [...before.waiting, ...now.waiting].map((each) => Number(each.slice(4)));
  t.same(numbers, [...Array(sent).keys()], 'nothing is lost, and each goes to one of the two');
});

t.test('a ticket serves its user alone, and once', async (t) => {
  const { server } = await openServer(t);
  const client = await openAt(t, server, '127.0.0.1');
  const { ticket } = await allocate(client);
  const code = async (from: TurnSocket, which: Uint8Array) =>
    (await present(from, which)).errorCode()?.code;
  t.equal(await code(await openAt(t, server, '127.0.0.3', 'bob'), ticket), 441);
  const now = await openAt(t, server, '127.0.0.3');
  const next = ticketIn(await present(now, ticket));
  t.equal(await now.permit({ address: '127.0.0.2', port: 1 }), undefined);
  t.equal(await code(client, ticket), 400, 'a replay');
  const other = await openAt(t, server, '127.0.0.3');
  await other.allocate();
  t.equal(await code(other, next), 437);
  t.equal(server.allocations, 2);
});
