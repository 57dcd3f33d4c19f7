import { sharedSecret, trunkControlKey } from '../auth/keys.js';
import { isTurnpikeError } from '../errors.js';
import type { LocalRelay } from './local-relay.js';

/** Trunk control keys between this relay and another, 32 bytes each (PROTOCOL.md section 3). */
export interface ControlKeys {
  readonly sendKey: Uint8Array;
  readonly receiveKey: Uint8Array;
}

/**
 * Derives the control keys from a shared secret.
 * @param shared - X25519 shared secret, 32 bytes
 * @param id - the other relay's id
 */
export function controlKeys(shared: Uint8Array, localId: string, id: string): ControlKeys {
  return {
    sendKey: trunkControlKey(shared, localId, id),
    receiveKey: trunkControlKey(shared, id, localId),
  };
}

/**
 * Derives the control keys of this relay and one that need not be in the registry.
 * @param publicKey - X25519, standard base64
 * @returns undefined if the public key is not usable
 */
export function controlKeysOf(
  local: LocalRelay,
  { id, publicKey }: { readonly id: string; readonly publicKey: string },
): ControlKeys | undefined {
  try {
    const shared = sharedSecret(local.privateKey, Buffer.from(publicKey, 'base64'));
    return controlKeys(shared, local.id, id);
  } catch (error) {
    if (isTurnpikeError(error, 'ERR_TURNPIKE_SECRET')) return undefined;
    throw error;
  }
}
