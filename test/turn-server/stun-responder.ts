import { createSocket } from 'node:dgram';
import { once } from 'node:events';
import type { Test } from 'tap';
import { type TransportAddress, transportAddress } from '../../src/address.js';
import { AttributeType } from '../../src/stun/attribute-types.js';
import { decodeMessage, type StunMessage } from '../../src/stun/message.js';
import { Method } from '../../src/stun/methods.js';
import { MessageWriter } from '../../src/stun/writer.js';

/** Makes the responses to a request, of which `count` came before. */
export type Respond = (
  request: StunMessage,
  from: TransportAddress,
  count: number,
) => readonly Uint8Array[];

/** Opens a STUN server on loopback that answers as it is told; the test's end closes it. */
export async function stunResponder(t: Test, respond: Respond): Promise<TransportAddress> {
  const socket = createSocket('udp4');
  let count = 0;
  socket.on('message', (bytes, { address, port }) => {
    const decoded = decodeMessage(bytes);
    if (!decoded.ok) return;
    const responses = respond(decoded.message, transportAddress(address, port), count);
    count += 1;
    for (const response of responses) socket.send(response, port, address);
  });
  socket.bind(0, '127.0.0.1');
  await once(socket, 'listening');
  t.teardown(() => socket.close());
  const { address, port } = socket.address();
  return { address, port };
}

/** Returns a success response with a mapped address. */
export function mappedTo(
  { transactionId }: Pick<StunMessage, 'transactionId'>,
  mapped: TransportAddress,
): Uint8Array {
  return new MessageWriter('success', Method.Binding, transactionId)
    .address(AttributeType.XorMappedAddress, mapped)
    .finish();
}
