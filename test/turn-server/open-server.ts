import type { Test } from 'tap';
import { TurnServer, type TurnServerOptions } from '../../src/index.js';
import { checkServerSteering, STEERING } from '../steering.js';
import { RELAY_PORTS } from './turn-socket.js';

/** Opens a server at 127.0.0.1 with the user alice, for peers on loopback. */
export async function openServer(
  t: Test,
  options: Partial<TurnServerOptions> = {},
): Promise<TurnServer> {
  const server = await TurnServer.open({
    listen: '127.0.0.1:0',
    relayAddresses: '127.0.0.1',
    users: 'alice:secret',
    relayPorts: RELAY_PORTS,
    allowPeers: '127.0.0.0/8',
    workers: 2,
    steering: STEERING,
    ...options,
  });
  t.teardown(() => server.close());
  await checkServerSteering(t, server);
  return server;
}
