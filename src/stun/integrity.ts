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

/** Where an HMAC lies while it is compared. */
const EXPECTED = { sha1: Buffer.alloc(20), sha256: Buffer.alloc(32) } as const;

/**
 * The strongest integrity attribute in a message, which is the one to check (RFC 8489 section
 * 9.2.4): a wrong SHA-256 is never made good by a right SHA-1.
 */
export function integrityKind(message: StunMessage): IntegrityKind | undefined {
  if (message.has(AttributeType.MessageIntegritySha256)) return 'sha256';
  return message.has(AttributeType.MessageIntegrity) ? 'sha1' : undefined;
}

/**
 * Checks one integrity attribute in constant time. MESSAGE-INTEGRITY-SHA256 counts at its full 32
 * bytes only: RFC 8489 section 14.6 lets a value be truncated (16 to 28 bytes) where the usage
 * says so, and neither TURN nor PROTOCOL.md does.
 * @param key - the long-term key, or a trunk control key
 * @returns false also when the attribute is absent or has another length
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
 * The HMAC over everything before the integrity attribute, with a header whose length ends at that
 * attribute (RFC 8489 section 14.5), so that what follows it does not matter.
 * @param bytes - the message, of which only the first `offset` bytes are read
 * @param offset - where the integrity attribute starts
 * @returns the HMAC in a string of one character for each byte
 */
export function integrityMac(
  bytes: Uint8Array,
  offset: number,
  kind: IntegrityKind,
  key: Uint8Array,
): string {
  const length = offset + 4 + INTEGRITY[kind].macBytes - HEADER_BYTES;
  if (readU16(bytes, 2) === length) return hmac(kind, key, bytes.subarray(0, offset), 'binary');
  // Not with slice, which of a Buffer is a view.
  const covered = new Uint8Array(bytes.subarray(0, offset));
  writeU16(covered, 2, length);
  return hmac(kind, key, covered, 'binary');
}

/**
 * The key of the long-term credential mechanism (RFC 8489 sections 9.2.2 and 18.5.1).
 * @param algorithm - md5 unless PASSWORD-ALGORITHM says otherwise
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

/**
 * The value of USERHASH (RFC 8489 section 14.4), by which a client names itself to a server that
 * asks for anonymity.
 * @returns 32 bytes
 */
export function userHash(username: string, realm: string): Uint8Array {
  const text = `${opaqueString(username)}:${opaqueString(realm)}`;
  return createHash('sha256').update(text).digest();
}

/**
 * The mappings of the OpaqueString profile (RFC 8265 section 4.2.2): every space becomes U+0020 and
 * the rest NFC. Text of ASCII, which is all that Turnpike mints, comes back as it is. Characters
 * that the profile forbids are left alone: a password of them just fails to match.
 */
function opaqueString(text: string): string {
  if (ASCII.test(text)) return text;
  return text.replace(/\p{Zs}/gu, ' ').normalize('NFC');
}
