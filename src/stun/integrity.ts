import { createHash, timingSafeEqual } from 'node:crypto';
import { AttributeType, type PasswordAlgorithm } from './attribute-types.js';
import { readU16, writeU16 } from './bytes.js';
import { hmac } from './hmac.js';
import { HEADER_BYTES, type StunMessage } from './message.js';

/** MESSAGE-INTEGRITY (HMAC-SHA1) or MESSAGE-INTEGRITY-SHA256. */
export type IntegrityKind = 'sha1' | 'sha256';

/** Attribute type and length of the HMAC in bytes, by kind (RFC 8489 sections 14.5, 14.6). */
export const INTEGRITY = {
  sha1: { type: AttributeType.MessageIntegrity, macBytes: 20 },
  sha256: { type: AttributeType.MessageIntegritySha256, macBytes: 32 },
} as const;

const ASCII = /^[\x20-\x7e]*$/;

/** Buffers for the expected HMAC of a comparison. */
const EXPECTED = { sha1: Buffer.alloc(20), sha256: Buffer.alloc(32) } as const;

/**
 * Returns the strongest integrity attribute of a message; undefined without one. It alone is
 * checked (RFC 8489 section 9.2.4), so that a right SHA-1 does not outweigh a wrong SHA-256.
 */
export function integrityKind(message: StunMessage): IntegrityKind | undefined {
  if (message.has(AttributeType.MessageIntegritySha256)) return 'sha256';
  return message.has(AttributeType.MessageIntegrity) ? 'sha1' : undefined;
}

/**
 * Verifies one integrity attribute in constant time. MESSAGE-INTEGRITY-SHA256 must have its full 32
 * bytes: RFC 8489 section 14.6 allows truncation (16 to 28 bytes) if the usage does, and neither
 * TURN nor PROTOCOL.md does.
 * @param key - the long-term key, or a trunk control key
 * @returns false also if the attribute is absent or has another length
 */
export function verifyIntegrity(
  message: StunMessage,
  kind: IntegrityKind,
  key: Uint8Array,
): boolean {
  const { type, macBytes } = INTEGRITY[kind];
  const attribute = message.find(type);
  if (attribute === undefined || attribute.value.length !== macBytes) return false;
  const expected = EXPECTED[kind];
  expected.write(integrityMac(message.bytes, attribute.offset, kind, key), 'binary');
  return timingSafeEqual(attribute.value, expected);
}

/**
 * Returns the HMAC over everything before the integrity attribute, with a header whose length ends
 * at that attribute (RFC 8489 section 14.5), whatever follows it.
 * @param bytes - the message; only the first `offset` bytes are read
 * @param offset - offset of the integrity attribute
 * @returns the HMAC as a string with one character per byte
 */
export function integrityMac(
  bytes: Uint8Array,
  offset: number,
  kind: IntegrityKind,
  key: Uint8Array,
): string {
  const length = offset + 4 + INTEGRITY[kind].macBytes - HEADER_BYTES;
  if (readU16(bytes, 2) === length) return hmac(kind, key, bytes.subarray(0, offset), 'binary');
  // Not `slice`, which returns a view of a Buffer.
  const covered = new Uint8Array(bytes.subarray(0, offset));
  writeU16(covered, 2, length);
  return hmac(kind, key, covered, 'binary');
}

/**
 * Derives the key of the long-term credential mechanism (RFC 8489 sections 9.2.2 and 18.5.1).
 * @param algorithm - md5 unless the request has another PASSWORD-ALGORITHM
 * @returns 16 bytes for md5, 32 for sha256
 */
export function longTermKey(
  algorithm: PasswordAlgorithm,
  username: string,
  realm: string,
  password: string,
): Uint8Array {
  const text = `${opaqueString(username)}:${opaqueString(realm)}:${opaqueString(password)}`;
  return createHash(algorithm).update(text).digest();
}

/** Length of USERHASH (RFC 8489 section 14.4). */
export const USER_HASH_BYTES = 32;

/**
 * Returns the value of USERHASH (RFC 8489 section 14.4), which replaces USERNAME if a server offers
 * anonymity.
 * @returns 32 bytes
 */
export function userHash(username: string, realm: string): Uint8Array {
  const text = `${opaqueString(username)}:${opaqueString(realm)}`;
  return createHash('sha256').update(text).digest();
}

/**
 * Applies the mappings of the OpaqueString profile (RFC 8265 section 4.2.2): spaces become U+0020,
 * and the text NFC. ASCII text, which is all that Turnpike mints, stays as it is. Characters that
 * the profile forbids are kept: such a password just does not match.
 * @returns the text as it is compared and hashed
 */
export function opaqueString(text: string): string {
  if (ASCII.test(text)) return text;
  return text.replace(/\p{Zs}/gu, ' ').normalize('NFC');
}
