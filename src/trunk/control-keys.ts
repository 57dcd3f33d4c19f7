import { sharedSecret, trunkControlKey } from '../auth/keys.js';
import { isTurnpikeError } from '../errors.js';
import type { LocalRelay } from './local-relay.js';

/** Trunk control keys of this relay and another one, 32 bytes each. */
export interface ControlKeys {
  readonly sendKey: Uint8Array;
  readonly receiveKey: Uint8Array;
}

/**
 * @param shared - of the X25519 keys of the two, 32 bytes
 * @param id - of the other relay
 */
export function controlKeys(shared: Uint8Array, localId: string, id: string): ControlKeys {
  return {
    sendKey: trunkControlKey(shared, localId, id),
    receiveKey: trunkControlKey(shared, id, localId),
  };
}

/**
 * The control keys of this relay and one that need not be in the registry.
 * @param publicKey - standard base64
 * @returns undefined for what is no usable public key
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
