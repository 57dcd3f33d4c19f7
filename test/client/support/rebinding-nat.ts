import { createSocket, type Socket } from 'node:dgram';
import type { Test } from 'tap';
import { type TransportAddress, transportAddress } from '../../../src/address.js';

/** Stands between one peer and its relay, which sees only the port that this has mapped. */
export interface RebindingNat {
  /** Where the peer sends to, in place of its relay. */
  readonly address: TransportAddress;
  /** Maps another port from now on, as a NAT that has forgotten the mapping. */
  rebind(): Promise<void>;
}

/** A NAT for one peer on IPv4 loopback, gone when the test ends. */
export async function rebindingNat(t: Test, relay: TransportAddress): Promise<RebindingNat> {
  const inside = await bound();
  let peerPort = 0;
  const map = async () => {
    const socket = await bound();
    socket.on('message', (datagram) => inside.send(datagram, peerPort, '127.0.0.1'));
    return socket;
  };
  let outside = await map();
  inside.on('message', (datagram, { port }) => {
    peerPort = port;
    outside.send(datagram, relay.port, relay.address);
  });
  t.teardown(() => {
    inside.close();
    outside.close();
  });
  const { address, port } = inside.address();
  return {
    address: transportAddress(address, port),
    rebind: async () => {
      const former = outside;
      // Bound before the former one is closed, so that it cannot get the same port.
      outside = await map();
      former.close();
    },
  };
}

function bound(): Promise<Socket> {
  const socket = createSocket('udp4');
  return new Promise((resolve, reject) => {
    socket.once('error', reject);
    socket.bind(0, '127.0.0.1', () => resolve(socket));
  });
}
