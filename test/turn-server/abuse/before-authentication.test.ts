import { randomBytes } from 'node:crypto';
import { createSocket, type Socket } from 'node:dgram';
import { once } from 'node:events';
import { readFileSync } from 'node:fs';
import { setImmediate as nextTurn } from 'node:timers/promises';
import t from 'tap';
import { parseAddress, type TransportAddress } from '../../../src/address.js';
import { AttributeType } from '../../../src/stun/attribute-types.js';
import { Method } from '../../../src/stun/methods.js';
import { MessageWriter } from '../../../src/stun/writer.js';
import { Spawned } from '../../cli/spawned.js';
import { RELAY_PORTS, TurnSocket, UdpSocket } from '../turn-socket.js';
import { ALICE } from './scene.js';

t.setTimeout(240_000);

const REQUESTS = 200_000;
/** Requests before the first measurement, after which the heap has its size. */
const WARM_UP = 40_000;
/** Sources of a round, each an address of its own. */
const SOURCES = 250;
const REQUESTS_OF_SOURCE = 16;
/** 320 bytes for each request; what a garbage collector leaves varies by a tenth of it. */
const GROWTH_BYTES_MAX = 64 << 20;

/** Returns requests as those of strangers: without a credential, and with one that is made up. */
function strangersRequests(): Uint8Array[] {
  const methods = [Method.Allocate, Method.Refresh, Method.CreatePermission, Method.Binding];
  return methods.flatMap((method) => {
    const writer = () => new MessageWriter('request', method, randomBytes(12));
    const signed = writer()
      .requestedTransport(17)
      .text(AttributeType.Username, randomBytes(8).toString('hex'))
      .text(AttributeType.Realm, 'turnpike')
      .text(AttributeType.Nonce, randomBytes(20).toString('hex'))
      .integrity('sha1', randomBytes(16));
    return [writer().finish(), writer().requestedTransport(17).finish(), signed.finish()];
  });
}

/** Sends a round of requests from new addresses of 127.0.0.0/8. @returns their number */
async function flood(at: TransportAddress, kinds: readonly Uint8Array[]): Promise<number> {
  const [high = 0, low = 0] = randomBytes(2);
  const sockets = Array.from({ length: SOURCES }, () => createSocket('udp4'));
  await Promise.all(
    sockets.map((socket, index) => {
      socket.bind(0, `127.${1 + (high % 254)}.${low}.${1 + index}`);
      return once(socket, 'listening');
    }),
  );
  for (let count = 0; count < REQUESTS_OF_SOURCE; count += 1) {
    await Promise.all(sockets.map((socket, index) => sent(socket, kinds, count + index, at)));
    await nextTurn();
  }
  for (const socket of sockets) socket.close();
  return SOURCES * REQUESTS_OF_SOURCE;
}

function sent(
  socket: Socket,
  kinds: readonly Uint8Array[],
  index: number,
  { address, port }: TransportAddress,
): Promise<void> {
  const request = Uint8Array.from(kinds[index % kinds.length] as Uint8Array);
  request.set(randomBytes(12), 8);
  return new Promise((resolve) => socket.send(request, port, address, () => resolve()));
}

function residentBytes(pid: number | undefined): number {
  const status = readFileSync(`/proc/${pid}/status`, 'utf8');
  return Number(/^VmRSS:\s+(\d+) kB$/m.exec(status)?.[1]) * 1_024;
}

t.test(
  'state before authentication: 200,000 spoofed requests leave none, and a client is served',
  async (t) => {
    const argv = [
      ...['turn', '--user', 'alice:secret', '--workers', '1', '--http', '127.0.0.1:0'],
      ...['--listen', '127.0.0.1:0', '--relay-address', '127.0.0.1', '--relay-ports', RELAY_PORTS],
      ...['--allow-peer', '127.0.0.0/8'],
    ];
    // With a small nursery the heap has little garbage at any time.
    const server = new Spawned(argv, { NODE_OPTIONS: '--max-semi-space-size=1' });
    t.teardown(() => server.kill());
    const { urls, http } = await server.logged({ event: 'listening' });
    const [, text = ''] = /^turn:(.*)\?transport=udp$/.exec(String((urls as string[])[0])) ?? [];
    const at = parseAddress(text);
    const metrics = async () => (await fetch(`${String(http)}/metrics`)).text();
    const client = await TurnSocket.open(at, ALICE);
    t.teardown(() => client.close());
    const peer = await UdpSocket.at('127.0.0.2');
    t.teardown(() => peer.close());
    const kinds = strangersRequests();

    const relayed = await client.allocate();
    let count = 0;
    while (count < WARM_UP) count += await flood(at, kinds);
    const before = residentBytes(server.child.pid);
    count = 0;
    while (count < REQUESTS) {
      const flooding = flood(at, kinds);
      // A client of today, and one that comes new.
      t.equal(await client.permit(peer.address), undefined);
      client.indicate('out', peer.address);
      t.equal((await peer.next()).data.toString(), 'out');
      peer.send('back', relayed);
      t.equal((await client.indicated()).payload, 'back');
      const another = await TurnSocket.open(at, ALICE);
      await another.allocate();
      t.equal(await another.refresh(0), undefined);
      another.close();
      count += await flooding;
    }
    const growth = residentBytes(server.child.pid) - before;
    t.comment(`${count} requests, resident memory grew by ${growth >> 10} KiB`);
    t.ok(growth < GROWTH_BYTES_MAX, `${growth >> 20} MiB`);
    const after = await metrics();
    t.match(after, /^turnpike_turn_allocations 1$/m, 'that of the client alone');
    t.match(after, /^turnpike_turn_faults_total 0$/m);
  },
);
