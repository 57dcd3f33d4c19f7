import t, { type Test } from 'tap';
import type { TransportAddress } from '../../src/address.js';
import {
  type LabHost,
  LoggedProcess,
  type LogLine,
  parseObject,
  readLines,
} from '../../src/lab/index.js';
import { run } from '../../src/lab/tools.js';
import { AttributeType, UDP_PROTOCOL } from '../../src/stun/attribute-types.js';
import type { StunMessage } from '../../src/stun/message.js';
import { Method } from '../../src/stun/methods.js';
import { closeAfter, setPatience } from '../lab/keep-on-failure.js';
import { TestLab } from '../lab/test-lab.js';
import { MarkedSocket } from '../marked-socket.js';
import { TurnSocket, UdpSocket } from '../turn-server/turn-socket.js';
import { until } from '../until.js';
import { counted, DEVICES, HTTP, overBandwidth, redirected } from './turn-by-xdp.js';
import { PATIENCE_MS, skipReason, TURNPIKE, World } from './world.js';
import { xdpSkipReason } from './xdp-relays.js';

const { AdditionalAddressFamily, MobilityTicket, XorRelayedAddress } = AttributeType;

const ALICE = { username: 'alice', password: 'secret' };
const SERVICE_PORT = 3478;

/** Addresses on the wire between the server and the peer. */
const RELAYED_V6 = '2001:db8:9::1';
const PEER_V6 = '2001:db8:9::2';

/** Channels to the peer, by family. */
const CHANNELS = { 4: 0x4000, 6: 0x4001 } as const;

/** More than the messages of the test need, and less than the burst takes. */
const BANDWIDTH = 10_000;
const BURST_MESSAGES = 150;
const BURST_BYTES = 1_000;

setPatience(t, PATIENCE_MS);

async function socketIn(t: Test, { namespace }: LabHost, ip: string) {
  const socket = await MarkedSocket.open(ip, namespace);
  t.teardown(() => socket.close());
  return socket;
}

/** Opens a client of a server in a host. */
async function clientIn(t: Test, host: LabHost, server: LabHost): Promise<TurnSocket> {
  const at = { address: server.addresses[4] ?? '', port: SERVICE_PORT };
  return TurnSocket.on(await socketIn(t, host, host.addresses[4] ?? ''), at, ALICE);
}

function ticketIn(response: StunMessage): Uint8Array {
  const ticket = response.get(MobilityTicket);
  if (ticket === undefined) throw new Error(`no ticket: ${response.errorCode()?.code}`);
  return new Uint8Array(ticket);
}

/** Allocates for a client that may move. @param isDual - whether with both families */
async function allocate(client: TurnSocket, isDual: boolean) {
  const response = await client.request(Method.Allocate, (writer) => {
    writer.requestedTransport(UDP_PROTOCOL).bytes(MobilityTicket, new Uint8Array(0));
    if (isDual) writer.u32(AdditionalAddressFamily, 0x0200_0000);
  });
  const relayed = response.addresses(XorRelayedAddress) ?? [];
  return { relayed, ticket: ticketIn(response) };
}

const present = (client: TurnSocket, ticket: Uint8Array) =>
  client.request(Method.Refresh, (writer) => writer.bytes(MobilityTicket, ticket));

/** A way from a client to a peer and back, and what went over it. */
class Talk {
  readonly #channel: number;
  readonly peer: UdpSocket;
  readonly #relayed: TransportAddress;
  readonly sums = { packets: 0, bytes: 0 };

  constructor(channel: number, peer: UdpSocket, relayed: TransportAddress) {
    this.#channel = channel;
    this.peer = peer;
    this.#relayed = relayed;
  }

  /** Sends a message to the peer and back. @throws Error if one is lost */
  async exchange(client: TurnSocket): Promise<void> {
    const text = `message ${this.sums.packets}`;
    client.channelData(this.#channel, text);
    const { data } = await this.peer.next();
    this.peer.send(data, this.#relayed);
    const { channel, payload } = await client.onChannel();
    if (channel !== this.#channel || payload !== text) throw new Error(`${channel}: ${payload}`);
    this.sums.packets += 1;
    this.sums.bytes += text.length;
  }
}

/** Exchanges messages until the program has forwarded one more each way. */
async function untilByXdp(server: LabHost, talk: Talk, client: TurnSocket): Promise<void> {
  const before = await redirected(server);
  await until('the program forwards both ways', async () => {
    await talk.exchange(client);
    const now = await redirected(server);
    return now.toPeer > before.toPeer && now.toClient > before.toClient;
  });
}

/** Starts a server whose relayed addresses are on the wire to a peer, with XDP. */
async function startByXdp(lab: TestLab, server: LabHost, peer: LabHost) {
  const [relayed, peerAddress] = lab.wire(server, peer).addresses;
  await lab.up();
  await lab.prepareForXdp();
  for (const [{ namespace }, ip] of [
    [server, RELAYED_V6],
    [peer, PEER_V6],
  ] as const) {
    const added = ['addr', 'add', `${ip}/64`, 'dev', 'wire0', 'nodad'];
    await run(['ip', '-n', namespace, ...added]);
  }
  const running = lab.spawn(server, [
    ...[process.execPath, TURNPIKE, 'turn', '--user', 'alice:secret', '--workers', '2'],
    ...['--mobility', '--user-bandwidth', `${BANDWIDTH}`, '--http', HTTP],
    ...['--relay-address', relayed, '--allow-peer', peerAddress],
    ...['--relay-address', RELAYED_V6, '--allow-peer', PEER_V6],
    ...DEVICES.flatMap((device) => ['--xdp', device]),
  ]);
  const lines: LogLine[] = [];
  readLines(running.child.stderr, (line) => lines.push(parseObject(line) ?? { msg: line }));
  const log = new LoggedProcess('turn', running);
  await Promise.race([log.listening, log.ended]);
  return { running, lines, ips: { 4: peerAddress, 6: PEER_V6 } };
}

t.test(
  'a client with both families moves while XDP forwards, and its old 5-tuple leaves the program',
  { skip: xdpSkipReason() },
  async (t) => {
    const lab = new TestLab();
    closeAfter(t, lab);
    const [server, peerHost] = [lab.host('turn'), lab.host('peer')];
    const hosts = [lab.host('client'), lab.host('moved'), lab.host('back')];
    const { running, lines, ips } = await startByXdp(lab, server, peerHost);
    const clients = [];
    for (const host of hosts) clients.push(await clientIn(t, host, server));
    const [first] = clients as [TurnSocket];
    const { relayed, ...made } = await allocate(first, true);
    t.equal(relayed.length, 2);
    const talks: Talk[] = [];
    for (const family of [4, 6] as const) {
      const peer = UdpSocket.over(await socketIn(t, peerHost, ips[family]));
      const isOf = ({ address }: TransportAddress) => address.includes(':') === (family === 6);
      talks.push(new Talk(CHANNELS[family], peer, relayed.find(isOf) as TransportAddress));
      t.equal(await first.bind(CHANNELS[family], peer.address), undefined);
    }
    for (const talk of talks) await untilByXdp(server, talk, first);

    let [client, { ticket }] = [first, made];
    for (const next of clients.slice(1)) {
      const response = await present(next, ticket);
      t.equal(response.messageClass, 'success');
      for (const talk of talks) await talk.exchange(client);
      t.equal(await next.refresh(600), undefined, 'it has arrived');
      for (const talk of talks) await untilByXdp(server, talk, next);
      const before = await redirected(server);
      for (const channel of Object.values(CHANNELS)) client.channelData(channel, 'late');
      t.equal(await client.refresh(600), 437, 'what came before it from there is handled');
      t.strictSame(await redirected(server), before, 'nothing of the old 5-tuple is forwarded');
      [client, ticket] = [next, ticketIn(response)];
    }
    for (const talk of talks) t.strictSame(talk.peer.waiting, []);

    // A bucket that was taken from by the old 5-tuples is also that of the new one.
    const [{ sums: sums4, peer }, { sums: sums6 }] = talks as [Talk, Talk];
    const before = sums4.packets + sums6.packets;
    for (let sent = 0; sent < BURST_MESSAGES; sent += 1) {
      client.channelData(CHANNELS[4], Buffer.alloc(BURST_BYTES));
    }
    await until('the burst is counted', async () => {
      const over = await overBandwidth(server);
      return (await counted(server)).toPeer - before + over === BURST_MESSAGES;
    });
    const over = await overBandwidth(server);
    t.ok(over > 0, `${over} over the bandwidth`);
    await until(() => peer.waiting.length === BURST_MESSAGES - over);
    t.equal(await client.refresh(0), undefined);
    await until(() => lines.some(({ event }) => event === 'allocation-ended'));
    const packets = sums4.packets + sums6.packets;
    const bytes = sums4.bytes + sums6.bytes;
    t.match(
      lines.find(({ event }) => event === 'allocation-ended'),
      {
        reason: 'deleted',
        packetsFromClient: packets + BURST_MESSAGES - over,
        bytesFromClient: bytes + (BURST_MESSAGES - over) * BURST_BYTES,
        packetsToClient: packets,
        bytesToClient: bytes,
        packetsOverBandwidth: over,
      },
    );
    t.equal(lines.filter(({ event }) => event === 'allocation-moved').length, hosts.length - 1);
    running.signal('SIGTERM');
    t.strictSame(await running.ended, { code: 0, signal: null });
  },
);

/** The two ends of a way between clients of two relays. */
type End = 'client' | 'other';

/** What went between a client, from all of its 5-tuples, and one of another relay. */
class Pair {
  readonly #other: TurnSocket;
  readonly #sent = { client: nothing(), other: nothing() };
  readonly #received = { client: nothing(), other: nothing() };
  #messages = 0;

  constructor(other: TurnSocket) {
    this.#other = other;
  }

  /** Sends until each has got something: the relays have to agree on the way over the trunk. */
  async meet(client: TurnSocket): Promise<void> {
    await until('messages arrive both ways', () => {
      this.#send('client', client);
      this.#send('other', client);
      return client.waiting.length > 0 && this.#other.waiting.length > 0;
    });
    await this.#take('other', client, this.#send('client', client));
    await this.#take('client', client, this.#send('other', client));
  }

  /** Sends a message each way. @throws Error if one is lost, or if others were there */
  async exchange(client: TurnSocket): Promise<void> {
    const before = this.#received.client.packets + this.#received.other.packets;
    await this.#take('other', client, this.#send('client', client));
    await this.#take('client', client, this.#send('other', client));
    const got = this.#received.client.packets + this.#received.other.packets - before;
    if (got !== 2) throw new Error(`${got} messages instead of 2`);
  }

  /** Returns what the line about the ended allocation says. */
  trafficOf(end: End) {
    return {
      packetsFromClient: this.#sent[end].packets,
      bytesFromClient: this.#sent[end].bytes,
      packetsToClient: this.#received[end].packets,
      bytesToClient: this.#received[end].bytes,
    };
  }

  #send(from: End, client: TurnSocket): string {
    const text = `message ${this.#messages}`;
    this.#messages += 1;
    (from === 'client' ? client : this.#other).channelData(CHANNELS[4], text);
    add(this.#sent[from], text);
    return text;
  }

  /** Takes what has arrived until a message. */
  async #take(at: End, client: TurnSocket, last: string): Promise<void> {
    const socket = at === 'client' ? client : this.#other;
    for (let text = ''; text !== last; ) {
      const { channel, payload } = await socket.onChannel();
      if (channel !== CHANNELS[4]) throw new Error(`channel ${channel}`);
      add(this.#received[at], payload);
      text = payload;
    }
  }
}

interface Sum {
  packets: number;
  bytes: number;
}

const nothing = (): Sum => ({ packets: 0, bytes: 0 });

function add(to: Sum, text: string): void {
  to.packets += 1;
  to.bytes += text.length;
}

t.test(
  'a client moves whose peer is a client of another relay, behind the trunk',
  { skip: skipReason() },
  async (t) => {
    const world = await World.create(t);
    const hosts = [world.lab.host('client'), world.lab.host('moved')] as const;
    const otherHost = world.lab.host('other');
    const [a, b] = [world.relayHost('relay-a'), world.relayHost('relay-b')];
    for (const id of ['relay-a', 'relay-b']) {
      const ranges = ['192.0.2.0/24', '203.0.113.0/24'];
      world.relayOptions.set(id, [
        ...['--user', 'alice:secret', '--mobility', '--workers', '2'],
        ...ranges.flatMap((range) => ['--allow-peer', range]),
      ]);
    }
    await world.start();
    await world.untilTrunked('relay-a', 'relay-b');
    await world.blockBareUdp('relay-a', 'relay-b');
    const other = await clientIn(t, otherHost, b);
    const { relayed: atB } = await allocate(other, false);
    const [first, second] = [await clientIn(t, hosts[0], a), await clientIn(t, hosts[1], a)];
    const { relayed: atA, ticket } = await allocate(first, false);
    const [relayedA, relayedB] = [atA[0], atB[0]] as [TransportAddress, TransportAddress];
    t.equal(await first.bind(CHANNELS[4], relayedB), undefined);
    t.equal(await other.bind(CHANNELS[4], relayedA), undefined);
    const pair = new Pair(other);
    await pair.meet(first);
    for (let round = 0; round < 5; round += 1) await pair.exchange(first);
    const response = await present(second, ticket);
    t.equal(response.messageClass, 'success');
    await pair.exchange(first);
    t.equal(await second.refresh(600), undefined);
    for (let round = 0; round < 5; round += 1) await pair.exchange(second);
    first.channelData(CHANNELS[4], 'late');
    t.equal(await first.refresh(600), 437);
    await pair.exchange(second);
    t.strictSame([...other.waiting, ...first.waiting, ...second.waiting], []);
    for (const id of ['relay-a', 'relay-b']) {
      t.ok((await world.counter(id, 'trunk_to_relayed')) > 0, `${id} delivers from the trunk`);
    }
    for (const client of [second, other]) t.equal(await client.refresh(0), undefined);
    const endOf = async (id: string) => {
      const ended = () => world.logOf(id).filter(({ event }) => event === 'allocation-ended');
      await until(() => ended().length === 1);
      return ended()[0];
    };
    t.match(await endOf('relay-a'), pair.trafficOf('client'));
    t.match(await endOf('relay-b'), pair.trafficOf('other'));
  },
);
