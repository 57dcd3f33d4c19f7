import { AttributeType } from '../stun/attribute-types.js';
import { integrityKind, verifyIntegrity } from '../stun/integrity.js';
import type { StunMessage } from '../stun/message.js';
import { Method } from '../stun/methods.js';
import { MessageWriter } from '../stun/writer.js';
import type { ControlSender } from './control-message.js';

/**
 * Length of a challenge before its integrity: that of the longest response, so that no response is
 * longer than its request. A STUN header, a USERNAME of 63 bytes, RELAY-START.
 */
const UNSIGNED_BYTES = 20 + 68 + 12;

/** Comprehension-required attributes of a challenge and of its response. */
export const CLAIM_CHALLENGE_ATTRIBUTES: ReadonlySet<number> = new Set([
  AttributeType.Username,
  AttributeType.RelayStart,
  AttributeType.MessageIntegritySha256,
]);

/**
 * Encodes a challenge (PROTOCOL.md section 3): a Binding request that only the challenged relay can
 * answer.
 * @param sender - this relay
 * @param key - trunk control key from this relay to the claimant, 32 bytes
 * @param transactionId - 12 bytes
 */
export function encodeClaimChallenge(
  sender: ControlSender,
  key: Uint8Array,
  transactionId: Uint8Array,
): Uint8Array {
  return named(new MessageWriter('request', Method.Binding, transactionId), sender)
    .paddedTo(UNSIGNED_BYTES)
    .integrity('sha256', key)
    .finish();
}

/**
 * Encodes the response to a challenge.
 * @param key - trunk control key from this relay to the challenger, 32 bytes
 */
export function encodeClaimProof(
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

/**
 * Returns whether a message is a challenge, not yet verified: only challenges are Binding requests
 * with RELAY-START and USERNAME.
 */
export function isClaimChallenge(message: StunMessage): boolean {
  const { messageClass, method } = message;
  if (messageClass !== 'request' || method !== Method.Binding) return false;
  return message.has(AttributeType.RelayStart) && message.has(AttributeType.Username);
}

/**
 * Returns whether a challenge, or a response to one, is from the named relay.
 * @param key - trunk control key from that relay to this one, 32 bytes
 */
export function isGenuineClaimMessage(message: StunMessage, id: string, key: Uint8Array): boolean {
  return (
    message.text(AttributeType.Username) === id &&
    message.unknownRequired(CLAIM_CHALLENGE_ATTRIBUTES).length === 0 &&
    integrityKind(message) === 'sha256' &&
    verifyIntegrity(message, 'sha256', key)
  );
}
