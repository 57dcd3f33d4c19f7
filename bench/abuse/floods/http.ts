import { connect, type Socket } from 'node:net';
import { inventedIp } from '../../setup/source-addresses.js';
import type { Attack, Flood, Target } from '../flood.js';
import { paced } from '../paced.js';
import { ATTACKER } from '../tenants.js';

/** Time after which a closed connection is opened again. */
const REOPEN_MS = 50;
const PIPELINED = 1_000;
const ASK_AGAIN_MS = 250;
const OPENED_PER_SECOND = 2_000;

interface Connections {
  readonly url: (target: Target) => string;
  readonly count: number;
  /** Number of source addresses. */
  readonly sources: number;
  /** Called with each connection when it is open. */
  readonly use: (socket: Socket) => void;
}

/** Returns a flood that holds `count` connections, and opens closed ones again. */
function connections({ url, count, sources, use }: Connections): Flood['begin'] {
  return async (target, level): Promise<Attack> => {
    const { hostname, port } = new URL(url(target));
    const open = new Set<Socket>();
    const total = { sent: 0, received: 0 };
    let wanted = Math.max(1, Math.round(count * level));
    let number = 0;
    const timers = new Set<NodeJS.Timeout>();
    let ended = false;
    const add = () => {
      number += 1;
      const localAddress = inventedIp(number % sources);
      const socket = connect({ host: hostname, port: Number(port), localAddress });
      open.add(socket);
      // The service may refuse or reset it.
      socket.on('error', () => {});
      socket.once('connect', () => use(socket));
      socket.once('close', () => {
        open.delete(socket);
        total.sent += socket.bytesWritten;
        total.received += socket.bytesRead;
        if (ended) return;
        const timer = setTimeout(() => {
          timers.delete(timer);
          wanted += 1;
        }, REOPEN_MS);
        timers.add(timer);
      });
    };
    const stop = paced(OPENED_PER_SECOND, (times) => {
      for (; times > 0 && wanted > 0; times--, wanted--) add();
    });
    return {
      tally: () => {
        const now = { ...total };
        for (const socket of open) {
          now.sent += socket.bytesWritten;
          now.received += socket.bytesRead;
        }
        return now;
      },
      end: async () => {
        ended = true;
        stop();
        for (const timer of timers) clearTimeout(timer);
        for (const socket of open) socket.destroy();
      },
    };
  };
}

/** Returns the use of a connection that sends requests and reads nothing. */
function unread(path: string): (socket: Socket) => void {
  return (socket) => {
    socket.pause();
    const request = `GET ${path} HTTP/1.1\r\nhost: x\r\n\r\n`;
    socket.write(request.repeat(PIPELINED));
    // A client that does not read notices a closed connection only when it writes.
    const timer = setInterval(() => socket.write(request), ASK_AGAIN_MS);
    socket.once('close', () => clearInterval(timer));
  };
}

/** Sends the header section of a request without end. */
function slowHead(socket: Socket): void {
  socket.resume();
  socket.write('POST /v1/connections HTTP/1.1\r\nhost: x\r\nx: ');
  const timer = setInterval(() => socket.write('y'), 1_000);
  socket.once('close', () => clearInterval(timer));
}

/** Sends one request, and then nothing. */
function idle(socket: Socket): void {
  socket.resume();
  socket.write('GET /healthz HTTP/1.1\r\nhost: x\r\n\r\n');
}

const BODY = JSON.stringify({ peers: [{ region: 'a' }, { region: 'b' }] });
const POST =
  `POST /v1/connections HTTP/1.1\r\nhost: x\r\nauthorization: Bearer ${ATTACKER.key}\r\n` +
  `content-type: application/json\r\ncontent-length: ${BODY.length}\r\n\r\n${BODY}`;

/** Sends the next request after each response. */
function post(socket: Socket): void {
  socket.on('data', () => socket.write(POST));
  socket.write(POST);
}

const directory = ({ directoryUrl }: Target) => directoryUrl;
const relayHttp = ({ relays: [{ httpUrl }] }: Target) => httpUrl;

/** Floods over HTTP. */
export const HTTP: readonly Flood[] = [
  {
    name: 'unread-directory',
    title: '500 connections that pipeline GET /docs/json and read nothing',
    attacked: 'directory',
    quick: true,
    begin: connections({ url: directory, count: 500, sources: 16, use: unread('/docs/json') }),
  },
  {
    name: 'unread-relay',
    title: "100 connections that pipeline GET /metrics at a relay's --http and read nothing",
    attacked: 'relay',
    begin: connections({ url: relayHttp, count: 100, sources: 4, use: unread('/metrics') }),
  },
  {
    name: 'slow-heads',
    title: '1,000 connections whose request never ends',
    attacked: 'directory',
    begin: connections({ url: directory, count: 1_000, sources: 16, use: slowHead }),
  },
  {
    name: 'idle-connections',
    title: '8,192 idle connections of eight addresses: as many as the table holds',
    attacked: 'directory',
    begin: connections({ url: directory, count: 8_192, sources: 8, use: idle }),
  },
  {
    name: 'tenant-requests',
    title: "one tenant's POST /v1/connections, 128 at a time",
    attacked: 'directory',
    quick: true,
    begin: connections({ url: directory, count: 128, sources: 4, use: post }),
  },
];
