import type { Test } from 'tap';
import { type DecodeFailure, decodeMessage, type StunMessage } from '../../src/stun/message.js';
import type { MessageWriter } from '../../src/stun/writer.js';

export const TRANSACTION_ID = Uint8Array.from({ length: 12 }, (_, index) => 0xa0 + index);

/** Decodes a message. @throws Error if the bytes are not a message */
export function decoded(source: Uint8Array | MessageWriter): StunMessage {
  const result = decodeMessage(source instanceof Uint8Array ? source : source.finish());
  if (!result.ok) throw new Error(`not a STUN message: ${result.reason}`);
  return result.message;
}

/** Checks that bytes are refused for one reason. */
export function refusedFor(t: Test, bytes: Uint8Array, reason: DecodeFailure): void {
  t.strictSame(decodeMessage(bytes), { ok: false, reason });
}

/** Encodes an attribute; `length` may differ from that of the value. */
export function attribute(type: number, value: Uint8Array, length = value.length): Uint8Array {
  const bytes = Buffer.alloc(4 + Math.ceil(value.length / 4) * 4);
  bytes.writeUInt16BE(type, 0);
  bytes.writeUInt16BE(length, 2);
  bytes.set(value, 4);
  return bytes;
}

/** Encodes a message from attributes without checks, so that it may be malformed. */
export function rawMessage(attributes: readonly Uint8Array[], type = 0x0001): Uint8Array {
  const body = Buffer.concat(attributes);
  const header = Buffer.alloc(20);
  header.writeUInt16BE(type, 0);
  header.writeUInt16BE(body.length, 2);
  header.writeUInt32BE(0x2112a442, 4);
  header.set(TRANSACTION_ID, 8);
  return Buffer.concat([header, body]);
}
