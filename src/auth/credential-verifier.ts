import type { PasswordAlgorithm } from '../stun/attribute-types.js';
import { longTermKey } from '../stun/integrity.js';
import { BoundedCache } from './bounded-cache.js';
import { type Credential, parseUsername, passwordFor } from './credentials.js';
import { TenantSecrets } from './tenant-secrets.js';

/** Users remembered; a peer's Allocate, Connects and Refreshes share one. */
const CACHED_USERS_MAX = 8_192;

interface User {
  readonly credential: Credential;
  readonly keys: { [algorithm in PasswordAlgorithm]?: Uint8Array };
}

/**
 * Derives peers' keys from the tenant root alone, so that a relay needs no call to the directory
 * (PROTOCOL.md section 2). Derivations are remembered in bounded caches, the oldest leaving first;
 * who fills them with names of his own costs others a few microseconds and nothing else.
 */
export class CredentialVerifier {
  readonly #realm: string;
  readonly #tenantSecrets: TenantSecrets;
  readonly #users = new BoundedCache<User>(CACHED_USERS_MAX);

  constructor(options: { readonly tenantRoot: Uint8Array; readonly realm: string }) {
    this.#tenantSecrets = new TenantSecrets(options.tenantRoot);
    this.#realm = options.realm;
  }

  /**
   * The long-term key of a username: what `authenticate` takes as `keyFor`.
   * @returns undefined when the username is not of the protocol's form
   */
  keyFor(username: string, algorithm: PasswordAlgorithm): Uint8Array | undefined {
    const user = this.#user(username);
    if (user === undefined) return undefined;
    const known = user.keys[algorithm];
    if (known !== undefined) return known;
    const password = passwordFor(this.#tenantSecrets.get(user.credential.tenant), username);
    const key = longTermKey(algorithm, username, this.#realm, password);
    user.keys[algorithm] = key;
    return key;
  }

  /** What a username says; undefined when it is not of the protocol's form. */
  credentialOf(username: string): Credential | undefined {
    return this.#user(username)?.credential;
  }

  #user(username: string): User | undefined {
    const known = this.#users.get(username);
    if (known !== undefined) return known;
    const credential = parseUsername(username);
    if (credential === undefined) return undefined;
    const user = { credential, keys: {} };
    this.#users.set(username, user);
    return user;
  }
}
