import type { Test } from 'tap';
import { type WebSocket, WebSocketServer } from 'ws';
import type { TransportAddress } from '../../../src/address.js';
import type { RelayCandidate } from '../../../src/client/index.js';
import { httpServer, offerJson } from './http-server.js';
import { until } from './until.js';

type Message = Readonly<Record<string, unknown>>;

/** The directory's side of a rendezvous socket, scripted by the test. */
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

  /** Sends a `connection` whose id repeats one digit. */
  sendConnection(digit: string, changes: Message = {}): void {
    const { peers, ...common } = offerJson();
    const connectionId = digit.repeat(32);
    this.send({ type: 'connection', ...common, ...peers[0], connectionId, ...changes });
  }

  ping(): void {
    this.#socket.ping();
  }

  /** Waits until this many pings have arrived. */
  pinged(times: number): Promise<void> {
    return until('it was pinged', () => this.#pings >= times);
  }

  /** Stops reading, so that nothing is answered, as if the directory were unreachable. */
  freeze(): void {
    this.#socket.pause();
  }

  /** Sends an error and closes the socket, as a directory does after a bad message. */
  refuse(code: string, message: string): void {
    this.send({ type: 'error', code, message });
    this.#socket.close(1008, code);
  }

  /** Resets the connection, as if the directory had died. */
  drop(): void {
    this.#socket.terminate();
  }

  /** Returns the messages of a type so far. */
  of(type: string): Message[] {
    return this.messages.filter((message) => message.type === type);
  }
}

export interface FakeRendezvous {
  readonly url: string;
  /** Sockets in order of arrival. */
  readonly members: FakeMember[];
  /** Response to further upgrade requests; undefined accepts them. */
  refuse: { readonly status: number; readonly body: string } | undefined;
  /** Addresses in the answer of `GET /v1/relays`; undefined for 404. */
  relays: readonly TransportAddress[] | undefined;
  /** Relays in the answer of `POST /v1/relays/candidates`; undefined for that of another route. */
  candidates: readonly RelayCandidate[] | undefined;
  /** Requests for candidates so far. */
  readonly asked: () => number;
}

const CANDIDATES = '/v1/relays/candidates';

/** Starts a directory with only a rendezvous and, if set, a list of relays. */
export async function fakeRendezvous(t: Test): Promise<FakeRendezvous> {
  const { url, server, requests } = await httpServer(t, ({ url: route }) => {
    if (fake.candidates !== undefined && route === CANDIDATES) {
      const body = { relays: fake.candidates, validSeconds: 60 };
      return { status: 200, body: JSON.stringify(body) };
    }
    if (fake.relays === undefined) return { status: 404, body: '' };
    const relays = [{ id: 'fra-1', region: 'fra', addresses: fake.relays }];
    return { status: 200, body: JSON.stringify({ relays }) };
  });
  const sockets = new WebSocketServer({ noServer: true });
  const fake: FakeRendezvous = {
    ...{ url, members: [], refuse: undefined, relays: undefined, candidates: undefined },
    asked: () => requests.filter(({ url: route }) => route === CANDIDATES).length,
  };
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
