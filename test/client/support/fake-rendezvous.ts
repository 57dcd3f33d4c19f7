import type { Test } from 'tap';
import { type WebSocket, WebSocketServer } from 'ws';
import type { TransportAddress } from '../../../src/address.js';
import { httpServer, offerJson } from './http-server.js';
import { until } from './until.js';

type Message = Readonly<Record<string, unknown>>;

/** The directory's side of one rendezvous socket: says what the test wants. */
export class FakeMember {
  readonly messages: Message[] = [];
  readonly #socket: WebSocket;
  #pings = 0;

  constructor(socket: WebSocket) {
    this.#socket = socket;
    socket.on('ping', () => {
      this.#pings += 1;
    });
    socket.on('message', (data) => this.messages.push(JSON.parse(String(data))));
  }

  send(message: Message | string): void {
    this.#socket.send(typeof message === 'string' ? message : JSON.stringify(message));
  }

  /** A `connection` for one member, its id made of one digit. */
  sendConnection(digit: string, changes: Message = {}): void {
    const { peers, ...common } = offerJson();
    const connectionId = digit.repeat(32);
    this.send({ type: 'connection', ...common, ...peers[0], connectionId, ...changes });
  }

  ping(): void {
    this.#socket.ping();
  }

  /** Resolves when so many pings have come. */
  pinged(times: number): Promise<void> {
    return until('it was pinged', () => this.#pings >= times);
  }

  /** As a directory that cannot be reached any more: it reads nothing, so it answers nothing. */
  freeze(): void {
    this.#socket.pause();
  }

  /** As a directory that refuses a message: an error, then a close. */
  refuse(code: string, message: string): void {
    this.send({ type: 'error', code, message });
    this.#socket.close(1008, code);
  }

  /** As a directory that dies. */
  drop(): void {
    this.#socket.terminate();
  }

  /** Messages of one type so far. */
  of(type: string): Message[] {
    return this.messages.filter((message) => message.type === type);
  }
}

export interface FakeRendezvous {
  readonly url: string;
  /** Sockets in the order in which they came. */
  readonly members: FakeMember[];
  /** Answers the next upgrades with this status instead. */
  refuse: { readonly status: number; readonly body: string } | undefined;
  /** What `GET /v1/relays` lists; it is refused while undefined. */
  relays: readonly TransportAddress[] | undefined;
}

/** A directory that only has a rendezvous, and a list of relays perhaps. */
export async function fakeRendezvous(t: Test): Promise<FakeRendezvous> {
  const { url, server } = await httpServer(t, () => {
    if (fake.relays === undefined) return { status: 404, body: '' };
    const relays = [{ id: 'fra-1', region: 'fra', addresses: fake.relays }];
    return { status: 200, body: JSON.stringify({ relays }) };
  });
  const sockets = new WebSocketServer({ noServer: true });
  const fake: FakeRendezvous = { url, members: [], refuse: undefined, relays: undefined };
  server.on('upgrade', (request, socket, head) => {
    if (fake.refuse !== undefined || request.url !== '/v1/rendezvous') {
      const { status, body } = fake.refuse ?? { status: 404, body: '' };
      socket.end(`HTTP/1.1 ${status} No\r\ncontent-length: ${body.length}\r\n\r\n${body}`);
      return;
    }
    sockets.handleUpgrade(request, socket, head, (opened) => {
      fake.members.push(new FakeMember(opened));
    });
  });
  t.teardown(() => {
    for (const client of sockets.clients) client.terminate();
  });
  return fake;
}
