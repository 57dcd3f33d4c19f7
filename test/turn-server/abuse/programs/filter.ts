/**
 * Runs a TURN server, its client and listeners at refused addresses in one network namespace, whose
 * loopback device gets the addresses. Prints what was answered and what arrived, as JSON.
 */
import { execFileSync } from 'node:child_process';
import { randomBytes } from 'node:crypto';
import { createSocket } from 'node:dgram';
import { once } from 'node:events';
import ipaddr from 'ipaddr.js';
import { TurnServer } from '../../../../src/index.js';
import { AttributeType } from '../../../../src/stun/attribute-types.js';
import { Method } from '../../../../src/stun/methods.js';
import { MessageWriter } from '../../../../src/stun/writer.js';
import { TurnSocket } from '../../turn-socket.js';
import { type FilterResult, OPEN_PEERS, RELAYS, spellings } from '../spellings.js';

/** Permissions of an allocation at most. */
const OF_ALLOCATION = 100;

/** Writes XOR-PEER-ADDRESS with these very bytes, which no other code here would write. */
function xorPeer(writer: MessageWriter, transactionId: Uint8Array, ip: string, port: number) {
  const pad = Buffer.concat([Buffer.from('2112a442', 'hex'), transactionId]);
  const bytes = ipaddr.parse(ip).toByteArray();
  const value = Buffer.alloc(4 + bytes.length);
  value[1] = bytes.length === 4 ? 1 : 2;
  value.writeUInt16BE(port ^ 0x2112, 2);
  bytes.forEach((byte, index) => {
    value[4 + index] = byte ^ (pad[index] as number);
  });
  return writer.bytes(AttributeType.XorPeerAddress, value);
}

function addAddresses(ips: readonly string[]): void {
  const lines = ips.map((ip) => {
    const v6 = ip.includes(':');
    return `address add ${ip}/${v6 ? '128 nodad' : '32'} dev lo\n`;
  });
  // Some cannot be the address of a device, such as 0.0.0.0 and multicast.
  try {
    execFileSync('ip', ['-force', '-batch', '-'], { input: lines.join(''), stdio: 'pipe' });
  } catch {}
}

async function serverOf(allowPeers: readonly string[]): Promise<TurnServer> {
  return TurnServer.open({
    listen: '127.0.0.1:0',
    relayAddresses: RELAYS,
    users: 'alice:secret',
    allowPeers,
    workers: 1,
  });
}

async function clientOf(server: TurnServer): Promise<TurnSocket> {
  const [at] = server.listen;
  if (at === undefined) throw new Error('the server listens nowhere');
  const client = await TurnSocket.open(at, { username: 'alice', password: 'secret' });
  await client.allocate((writer) =>
    writer.bytes(AttributeType.AdditionalAddressFamily, Uint8Array.of(2, 0, 0, 0)),
  );
  return client;
}

function indicate(client: TurnSocket, ip: string, port: number, text: string): void {
  const id = randomBytes(12);
  const writer = xorPeer(new MessageWriter('indication', Method.Send, id), id, ip, port);
  client.toServer(writer.text(AttributeType.Data, text).finish());
}

const arrived: string[] = [];
const listener = createSocket('udp6');
listener.on('message', (data) => arrived.push(data.toString()));
listener.bind(0, '::');
await once(listener, 'listening');
const { port } = listener.address();

addAddresses(RELAYS);
// The server takes the addresses that a host has at its start for its own.
const refusing = await serverOf([]);
const all = spellings();
addAddresses([...OPEN_PEERS, ...new Set(all.flatMap(({ ips }) => ips))]);

/** Sends to an open peer until it arrives: what was sent before is handled then. */
async function settle(client: TurnSocket, mark: string): Promise<void> {
  await client.permit({ address: OPEN_PEERS[0], port });
  indicate(client, OPEN_PEERS[0], port, mark);
  while (!arrived.includes(mark)) await new Promise((resolve) => setTimeout(resolve, 5));
}

async function entrances(client: TurnSocket, ip: string, channel: number) {
  const [open, openToo] = OPEN_PEERS;
  const alone = await client.request(Method.CreatePermission, (writer, id) =>
    xorPeer(writer, id, ip, port),
  );
  const among = await client.request(Method.CreatePermission, (writer, id) => {
    for (const each of [open, ip, openToo]) xorPeer(writer, id, each, port);
  });
  const bind = await client.request(Method.ChannelBind, (writer, id) =>
    xorPeer(writer.channelNumber(channel), id, ip, port),
  );
  indicate(client, ip, port, `Send ${ip}`);
  client.channelData(channel, `ChannelData ${ip}`);
  return [alone, among, bind].map((response) => response.errorCode()?.code);
}

const answers: FilterResult['answers'] = [];
const client = await clientOf(refusing);
for (const [index, { range, spelling, ip }] of all.entries()) {
  const codes = await entrances(client, ip, 0x4000 + index);
  if (codes.some((code) => code !== 403)) answers.push({ range, spelling, ip, codes });
}
indicate(client, OPEN_PEERS[1], port, 'to a peer that was permitted in no request alone');
await settle(client, 'settled');
const reached = [...arrived];
await refusing.close();

// The same peers, allowed: shows that the listener is there.
arrived.splice(0);
const allowing = await serverOf([...OPEN_PEERS, ...new Set(all.flatMap(({ ips }) => ips))]);
for (let from = 0; from < all.length; from += OF_ALLOCATION) {
  const each = await clientOf(allowing);
  for (const { ip } of all.slice(from, from + OF_ALLOCATION)) {
    await each.request(Method.CreatePermission, (writer, id) => xorPeer(writer, id, ip, port));
    indicate(each, ip, port, `Send ${ip}`);
  }
  await settle(each, `settled ${from}`);
}
const reachable = all.filter(({ ip }) => arrived.includes(`Send ${ip}`)).map(({ ip }) => ip);
await allowing.close();
const result: FilterResult = { answers, reached, reachable };
process.stdout.write(`${JSON.stringify(result)}\n`, () => process.exit());
