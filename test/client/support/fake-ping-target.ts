import { createSocket } from 'node:dgram';
import type { Test } from 'tap';
import { type TransportAddress, transportAddress } from '../../../src/address.js';
import { AttributeType } from '../../../src/stun/attribute-types.js';
import { decodeMessage, type StunMessage } from '../../../src/stun/message.js';
import { Method } from '../../../src/stun/methods.js';
import { MessageWriter } from '../../../src/stun/writer.js';
import type { FakeScheduler } from './fake-scheduler.js';

/** An address that answers Binding requests after a time of the fake clock. */
export interface FakePingTarget {
  readonly address: TransportAddress;
  /** Round trip of the nth ping (from 0), ms; undefined leaves it unanswered. */
  roundTripMs: (nth: number) => number | undefined;
  readonly pings: StunMessage[];
  /** Bytes to send in place of an answer. */
  reply: ((ping: StunMessage) => Uint8Array) | undefined;
}

export async function fakePingTarget(
  t: Test,
  scheduler: FakeScheduler,
  roundTripMs: FakePingTarget['roundTripMs'],
): Promise<FakePingTarget> {
  const socket = createSocket('udp4');
  await new Promise<void>((resolve) => socket.bind(0, '127.0.0.1', resolve));
  t.teardown(() => socket.close());
  const { address, port } = socket.address();
  const target: FakePingTarget = {
    address: transportAddress(address, port),
    roundTripMs,
    pings: [],
    reply: undefined,
  };
  socket.on('message', (datagram, from) => {
    const decoded = decodeMessage(Buffer.from(datagram));
    if (!decoded.ok) throw new Error(`not a STUN message: ${decoded.reason}`);
    const ping = decoded.message;
    const ms = target.roundTripMs(target.pings.length);
    target.pings.push(ping);
    if (ms === undefined) return;
    const answer = () =>
      new MessageWriter('success', Method.Binding, ping.transactionId)
        .address(AttributeType.XorMappedAddress, transportAddress(from.address, from.port))
        .finish();
    const bytes = target.reply?.(ping) ?? answer();
    scheduler.after(ms, () => socket.send(bytes, from.port, from.address, () => {}));
  });
  return target;
}
