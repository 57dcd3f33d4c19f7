import { createCipheriv, createDecipheriv } from 'node:crypto';

/** AES-256-GCM key, 32 bytes, of one direction of one session: it has only one sender. */
export type SealKey = Uint8Array;

const ALGORITHM = 'aes-256-gcm';
const COUNTER_BYTES = 6;
const HEADER_BYTES = 1 + COUNTER_BYTES;
const TAG_BYTES = 16;
const NONCE_BYTES = 12;

/** Length that sealing adds. */
export const SEAL_BYTES = HEADER_BYTES + TAG_BYTES;

/**
 * Encrypts a message: type byte, 48-bit counter, ciphertext, tag. Type and counter are
 * authenticated.
 * @param counter - never the same twice with one key: it is the nonce, and a repeated nonce breaks
 *   AES-GCM's confidentiality and authentication (NIST SP 800-38D section 8)
 * @returns the sealed message
 */
export function seal(key: SealKey, type: number, counter: number, message: Uint8Array): Uint8Array {
  const sealed = Buffer.allocUnsafe(SEAL_BYTES + message.length);
  sealed[0] = type;
  sealed.writeUIntBE(counter, 1, COUNTER_BYTES);
  const header = sealed.subarray(0, HEADER_BYTES);
  const cipher = createCipheriv(ALGORITHM, key, nonceOf(header));
  cipher.setAAD(header);
  cipher.update(message).copy(sealed, HEADER_BYTES);
  cipher.final();
  cipher.getAuthTag().copy(sealed, sealed.length - TAG_BYTES);
  return sealed;
}

/** Decrypts a message; undefined if the tag is wrong: forged, changed, or of another key. */
export function openSealed(
  key: SealKey,
  sealed: Uint8Array,
): { readonly counter: number; readonly message: Uint8Array } | undefined {
  if (sealed.length < SEAL_BYTES) return undefined;
  const view = Buffer.from(sealed.buffer, sealed.byteOffset, sealed.byteLength);
  const header = view.subarray(0, HEADER_BYTES);
  const decipher = createDecipheriv(ALGORITHM, key, nonceOf(header), { authTagLength: TAG_BYTES });
  decipher.setAAD(header);
  decipher.setAuthTag(view.subarray(view.length - TAG_BYTES));
  const message = decipher.update(view.subarray(HEADER_BYTES, view.length - TAG_BYTES));
  try {
    decipher.final();
  } catch {
    return undefined;
  }
  return { counter: view.readUIntBE(1, COUNTER_BYTES), message };
}

function nonceOf(header: Uint8Array): Uint8Array {
  const nonce = new Uint8Array(NONCE_BYTES);
  nonce.set(header.subarray(1), NONCE_BYTES - COUNTER_BYTES);
  return nonce;
}
