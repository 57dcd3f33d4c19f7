import type { PasswordAlgorithm } from '../stun/attribute-types.js';
import { longTermKey } from '../stun/integrity.js';
import { parseUsername, passwordFor } from './credentials.js';
import { tenantSecret } from './keys.js';

/** Keys remembered; a peer's Allocate, Connects and Refreshes share one. */
const CACHED_KEYS_MAX = 8_192;
/** Tenant secrets remembered. */
const CACHED_TENANTS_MAX = 1_024;

/**
 * Derives peers' keys from the tenant root alone, so that a relay needs no call to the directory
 * (PROTOCOL.md section 2). Derivations are remembered in bounded caches, the oldest leaving first;
 * who fills them with names of his own costs others a few microseconds and nothing else.
 */
export class CredentialVerifier {
  readonly #tenantRoot: Uint8Array;
  readonly #realm: string;
  readonly #tenantSecrets = new Map<string, Uint8Array>();
  readonly #keys = new Map<string, Uint8Array>();

  constructor(options: { readonly tenantRoot: Uint8Array; readonly realm: string }) {
    this.#tenantRoot = options.tenantRoot;
    this.#realm = options.realm;
  }

  /**
   * The long-term key of a username: what `authenticate` takes as `keyFor`.
   * @returns undefined when the username is not of the protocol's form
   */
  keyFor(username: string, algorithm: PasswordAlgorithm): Uint8Array | undefined {
    const name = `${algorithm} ${username}`;
    const cached = this.#keys.get(name);
    if (cached !== undefined) return cached;
    const credential = parseUsername(username);
    if (credential === undefined) return undefined;
    const password = passwordFor(this.#tenantSecret(credential.tenant), username);
    const key = longTermKey(algorithm, username, this.#realm, password);
    return remember(this.#keys, name, key, CACHED_KEYS_MAX);
  }

  #tenantSecret(tenant: string): Uint8Array {
    return (
      this.#tenantSecrets.get(tenant) ??
      remember(
        this.#tenantSecrets,
        tenant,
        tenantSecret(this.#tenantRoot, tenant),
        CACHED_TENANTS_MAX,
      )
    );
  }
}

function remember<Value>(
  cache: Map<string, Value>,
  name: string,
  value: Value,
  entriesMax: number,
): Value {
  if (cache.size >= entriesMax) {
    const [oldest] = cache.keys();
    cache.delete(oldest as string);
  }
  cache.set(name, value);
  return value;
}
