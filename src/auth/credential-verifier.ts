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
 * (PROTOCOL.md section 2). What was derived is remembered, in bounded caches, once somebody has
 * proved it: names that a stranger invents push out nothing of those who do.
 */
export class CredentialVerifier {
  readonly #realm: string;
  readonly #tenantSecrets: TenantSecrets;
  readonly #users = new BoundedCache<User>(CACHED_USERS_MAX);
  /** Asked about last, and not remembered yet. */
  #candidate: User | undefined;

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
    const password = passwordFor(this.#tenantSecrets.peek(user.credential.tenant), username);
    const key = longTermKey(algorithm, username, this.#realm, password);
    user.keys[algorithm] = key;
    return key;
  }

  /** Whether somebody has proved the username lately: its keys need no derivation. */
  knows(username: string): boolean {
    return this.#users.get(username) !== undefined;
  }

  /**
   * Remembers a username whose key has proved a request.
   * @returns what it says; undefined when it is not of the protocol's form
   */
  proved(username: string): Credential | undefined {
    const user = this.#user(username);
    if (user === undefined) return undefined;
    if (user === this.#candidate) {
      this.#users.set(username, user);
      this.#tenantSecrets.get(user.credential.tenant);
      this.#candidate = undefined;
    }
    return user.credential;
  }

  #user(username: string): User | undefined {
    const known = this.#users.get(username);
    if (known !== undefined) return known;
    if (this.#candidate?.credential.username === username) return this.#candidate;
    const credential = parseUsername(username);
    if (credential === undefined) return undefined;
    this.#candidate = { credential, keys: {} };
    return this.#candidate;
  }
}
