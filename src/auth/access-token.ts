import { createDecipheriv } from 'node:crypto';
import { readU16, readU32 } from '../stun/bytes.js';
import type { OauthKey } from './oauth-keys.js';

/** Maximum length of ACCESS-TOKEN; one with the longest key has 108 bytes. */
export const ACCESS_TOKEN_BYTES_MAX = 108;

/** Bytes of the keys that MESSAGE-INTEGRITY is made with: from HMAC-SHA-1 to HMAC-SHA-512. */
const MAC_KEY_BYTES = { min: 20, max: 64 } as const;

/** The only nonce of AEAD_AES_256_GCM and AEAD_AES_128_GCM (RFC 5116 sections 5.1 and 5.2). */
const NONCE_BYTES = 12;
const TAG_BYTES = 16;
const SEALED_AT = 2 + NONCE_BYTES;
/** `timestamp` and `lifetime`, after the key. */
const TERMS_BYTES = 12;

const CIPHERS = { A256GCM: 'aes-256-gcm', A128GCM: 'aes-128-gcm' } as const;

/** The content of a self-contained token (RFC 7635 section 6.2). */
export interface AccessToken {
  /** Key of MESSAGE-INTEGRITY and MESSAGE-INTEGRITY-SHA256, 20 to 64 bytes. */
  readonly macKey: Uint8Array;
  /** When it was made, Unix seconds with a fraction. */
  readonly timestampSeconds: number;
  readonly lifetimeSeconds: number;
}

/**
 * Decrypts a self-contained token (RFC 7635 section 6.2), whose associated data is the name of the
 * server that it was made for. Never throws for anything in the token.
 * @param token - value of ACCESS-TOKEN, of any length
 * @param serverName - as in THIRD-PARTY-AUTHORIZATION
 * @returns undefined for another form, and for a token of another key or server
 */
export function openAccessToken(
  token: Uint8Array,
  { key, algorithm }: Pick<OauthKey, 'key' | 'algorithm'>,
  serverName: string,
): AccessToken | undefined {
  const blockBytes = token.length - SEALED_AT - TAG_BYTES;
  if (blockBytes < 2 + MAC_KEY_BYTES.min + TERMS_BYTES) return undefined;
  if (token.length > ACCESS_TOKEN_BYTES_MAX || readU16(token, 0) !== NONCE_BYTES) return undefined;
  const nonce = token.subarray(2, SEALED_AT);
  const options = { authTagLength: TAG_BYTES };
  const cipher = createDecipheriv(CIPHERS[algorithm], key, nonce, options);
  cipher.setAAD(Buffer.from(serverName, 'utf8'));
  cipher.setAuthTag(token.subarray(SEALED_AT + blockBytes));
  const block = cipher.update(token.subarray(SEALED_AT, SEALED_AT + blockBytes));
  try {
    cipher.final();
  } catch {
    return undefined;
  }
  return decodeTokenBlock(block);
}

/**
 * Decodes the decrypted part of a token: length and bytes of the key, a timestamp whose lower 16
 * bits count 1/64000 s, and the lifetime.
 * @returns undefined if the length of the key is not the one that remains, or not 20 to 64 bytes
 */
function decodeTokenBlock(block: Uint8Array): AccessToken | undefined {
  const keyBytes = block.length - 2 - TERMS_BYTES;
  if (keyBytes < MAC_KEY_BYTES.min || keyBytes > MAC_KEY_BYTES.max) return undefined;
  if (readU16(block, 0) !== keyBytes) return undefined;
  const at = 2 + keyBytes;
  const seconds = readU32(block, at) * 0x1_0000 + readU16(block, at + 4);
  return {
    macKey: Uint8Array.from(block.subarray(2, at)),
    timestampSeconds: seconds + readU16(block, at + 6) / 64_000,
    lifetimeSeconds: readU32(block, at + 8),
  };
}
