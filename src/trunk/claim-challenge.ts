import { AttributeType } from '../stun/attribute-types.js';
import { integrityKind, verifyIntegrity } from '../stun/integrity.js';
import type { StunMessage } from '../stun/message.js';
import { Method } from '../stun/methods.js';
import { MessageWriter } from '../stun/writer.js';
import type { ControlSender } from './control-message.js';

/**
 * A challenge before its integrity: as long as the longest answer, so that no answer is longer than
 * its request. A header, a name of 63 bytes, RELAY-START.
 */
const UNSIGNED_BYTES = 20 + 68 + 12;

const KNOWN_ATTRIBUTES: ReadonlySet<number> = new Set([
  AttributeType.Username,
  AttributeType.RelayStart,
  AttributeType.MessageIntegritySha256,
]);

/**
 * A challenge of a claim (PROTOCOL.md section 3): a Binding request that only the relay it is made
 * for can answer.
 * @param sender - this relay
 * @param key - trunk control key from this relay to the claimant
 */
export function encodeChallenge(
  sender: ControlSender,
  key: Uint8Array,
  transactionId: Uint8Array,
): Uint8Array {
  return named(new MessageWriter('request', Method.Binding, transactionId), sender)
    .paddedTo(UNSIGNED_BYTES)
    .integrity('sha256', key)
    .finish();
}

/** The answer to a challenge; `key` is that from this relay to the one that asks. */
export function encodeProof(
  sender: ControlSender,
  key: Uint8Array,
  transactionId: Uint8Array,
): Uint8Array {
  const writer = new MessageWriter('success', Method.Binding, transactionId);
  return named(writer, sender).integrity('sha256', key).finish();
}

function named(writer: MessageWriter, { id, incarnation }: ControlSender): MessageWriter {
  return writer.text(AttributeType.Username, id).u64(AttributeType.RelayStart, BigInt(incarnation));
}

/** Whether a request is a challenge, genuine or not: no other Binding request names a start. */
export function isChallenge(message: StunMessage): boolean {
  const { messageClass, method } = message;
  if (messageClass !== 'request' || method !== Method.Binding) return false;
  return message.has(AttributeType.RelayStart) && message.has(AttributeType.Username);
}

/** Whether a challenge, or an answer to one, is the named relay's. */
export function isGenuine(message: StunMessage, id: string, key: Uint8Array): boolean {
  return (
    message.text(AttributeType.Username) === id &&
    message.unknownRequired(KNOWN_ATTRIBUTES).length === 0 &&
    integrityKind(message) === 'sha256' &&
    verifyIntegrity(message, 'sha256', key)
  );
}
