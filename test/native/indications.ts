/** Indications of TURN (RFC 8656 section 11) for the tests of this folder. */

import type { TransportAddress } from '../../src/address.js';
import { decodeMessage } from '../../src/stun/message.js';
import { Method } from '../../src/stun/methods.js';
import { MessageWriter } from '../../src/stun/writer.js';

const XOR_PEER_ADDRESS = 0x0012;
const DATA = 0x0013;
const DONT_FRAGMENT = 0x001a;

/** Makes a Send indication, with DONT-FRAGMENT if `isWhole`. */
export function sendIndication(
  peer: TransportAddress,
  payload: Uint8Array,
  isWhole = false,
): Uint8Array {
  const writer = new MessageWriter('indication', Method.Send, new Uint8Array(12).fill(3));
  writer.address(XOR_PEER_ADDRESS, peer);
  if (isWhole) writer.bytes(DONT_FRAGMENT, new Uint8Array(0));
  return writer.bytes(DATA, payload).finish();
}

/** Returns the content of a Data indication. */
export function dataOf(bytes: Uint8Array) {
  const decoded = decodeMessage(bytes);
  if (!decoded.ok) return decoded;
  const { message } = decoded;
  const { messageClass, method } = message;
  const [peer, payload] = [message.address(XOR_PEER_ADDRESS), message.get(DATA)];
  return { messageClass, method, peer, payload: Buffer.from(payload ?? []).toString() };
}
