import type { Test } from 'tap';
import type { TurnServer, TurnServerOptions } from '../../../src/index.js';
import { openServer } from '../open-server.js';
import { TurnSocket, type TurnUser, UdpSocket } from '../turn-socket.js';

export const ALICE: TurnUser = { username: 'alice', password: 'secret' };
export const MALLORY: TurnUser = { username: 'mallory', password: 'hidden' };

/** Opens a server at 127.0.0.1 with two users, for peers in 127.0.0.0/8. */
export async function serverOf(
  t: Test,
  options: Partial<TurnServerOptions> = {},
): Promise<TurnServer> {
  const users = [ALICE, MALLORY].map(({ username, password }) => `${username}:${password}`);
  return openServer(t, { users, ...options });
}

/** Opens a client of a server, from a port of its own. */
export async function clientOf(t: Test, server: TurnServer, user = ALICE): Promise<TurnSocket> {
  const [at] = server.listen;
  if (at === undefined) throw new Error('the server listens nowhere');
  const client = await TurnSocket.open(at, user);
  t.teardown(() => client.close());
  return client;
}

/** Opens a peer. */
export async function peerAt(t: Test, ip: string): Promise<UdpSocket> {
  const peer = await UdpSocket.at(ip);
  t.teardown(() => peer.close());
  return peer;
}

/**
 * Sends a Send indication to a peer and waits for it, so that all that the client sent before has
 * been handled.
 * @returns what the peer got before it, as text of one byte a character
 */
export async function received(
  client: TurnSocket,
  peer: UdpSocket,
  mark = 'the last',
): Promise<string[]> {
  client.indicate(mark, peer.address);
  const before: string[] = [];
  for (;;) {
    const { data } = await peer.next();
    const text = data.toString('latin1');
    if (text === mark) return before;
    before.push(text);
  }
}
