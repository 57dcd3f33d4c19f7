import crypto, { createHmac } from 'node:crypto';

/** The hashes of RFC 8489's integrity attributes. */
export type HmacHash = 'sha1' | 'sha256';

/** Block length of both hashes in bytes (RFC 2104, B). */
const BLOCK_BYTES = 64;
/** Maximum message of the fast path, bytes; longer ones use an Hmac object. */
const MESSAGE_BYTES_MAX = 4_096;
const INNER_PAD = 0x36;
const OUTER_PAD = 0x5c;

const inner = Buffer.alloc(BLOCK_BYTES + MESSAGE_BYTES_MAX);
const outer = { sha1: Buffer.alloc(BLOCK_BYTES + 20), sha256: Buffer.alloc(BLOCK_BYTES + 32) };

/**
 * Returns the HMAC of a message (RFC 2104). A relay computes more than a dozen per connection, and
 * most of the cost of node:crypto's HMAC is its object: two one-shot hashes take half the time and
 * create no garbage. Node before 20.12 has no one-shot hash.
 * @param key - of any length
 * @param encoding - `binary` has one character per byte
 */
export function hmac(
  hash: HmacHash,
  key: Uint8Array,
  message: Uint8Array,
  encoding: 'binary' | 'base64',
): string {
  const oneShot = crypto.hash;
  const length = message.length;
  if (oneShot === undefined || key.length > BLOCK_BYTES || length > MESSAGE_BYTES_MAX) {
    return createHmac(hash, key).update(message).digest(encoding);
  }
  const outerBytes = outer[hash];
  for (let i = 0; i < BLOCK_BYTES; i += 1) {
    const byte = i < key.length ? (key[i] as number) : 0;
    inner[i] = byte ^ INNER_PAD;
    outerBytes[i] = byte ^ OUTER_PAD;
  }
  inner.set(message, BLOCK_BYTES);
  const digest = oneShot(hash, inner.subarray(0, BLOCK_BYTES + length), 'binary');
  outerBytes.write(digest, BLOCK_BYTES, 'binary');
  return oneShot(hash, outerBytes, encoding);
}
