import { createSocket, type Socket } from 'node:dgram';
import type { Test } from 'tap';
import { type TransportAddress, transportAddress } from '../../../src/address.js';

/** A NAT between a peer and its relay, which sees the mapped port. */
export interface RebindingNat {
  /** The address that the peer uses instead of its relay's. */
  readonly address: TransportAddress;
  /** Maps the peer to another port, as a NAT does after the mapping has expired. */
  rebind(): Promise<void>;
}

/** Starts a NAT for one peer on IPv4 loopback; the end of the test closes it. */
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
      // Bound before the former socket is closed, so that it gets another port.
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
