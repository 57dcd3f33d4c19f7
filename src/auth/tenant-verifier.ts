import { BoundedCache } from '../collections/bounded-cache.js';
import type { PasswordAlgorithm } from '../stun/attribute-types.js';
import { longTermKey } from '../stun/integrity.js';
import type { Principal } from './principal.js';
import { parseTenantUsername, passwordFor } from './tenant-credentials.js';
import { TenantSecrets } from './tenant-secrets.js';

/** Maximum cached users; all requests of a peer for a connection have the same username. */
const CACHED_USERS_MAX = 8_192;

interface User<Claims> {
  readonly principal: Principal<Claims>;
  readonly keys: { [algorithm in PasswordAlgorithm]?: Uint8Array };
}

/**
 * Derives the keys of tenants' credentials from the tenant root alone, without a request to the
 * directory (PROTOCOL.md section 2). Keys are cached once they have proved a request, so that
 * forged names evict nothing.
 */
export class TenantVerifier<Claims> {
  readonly #realm: string;
  readonly #claimsOf: (tenant: string, subject: string) => Claims | undefined;
  readonly #tenantSecrets: TenantSecrets;
  readonly #users = new BoundedCache<User<Claims>>(CACHED_USERS_MAX);
  /** The user of the last look-up, not cached yet. */
  #candidate: User<Claims> | undefined;

  /**
   * @param options.claimsOf - parses the part after the tenant's name; undefined for another form
   */
  constructor(options: {
    readonly tenantRoot: Uint8Array;
    readonly realm: string;
    readonly claimsOf: (tenant: string, subject: string) => Claims | undefined;
  }) {
    this.#tenantSecrets = new TenantSecrets(options.tenantRoot);
    this.#realm = options.realm;
    this.#claimsOf = options.claimsOf;
  }

  /**
   * Returns the long-term key of a username, as `authenticate` needs it (`keyFor`).
   * @returns undefined if the username has not the form of such a credential
   */
  keyFor(username: string, algorithm: PasswordAlgorithm): Uint8Array | undefined {
    const user = this.#user(username);
    if (user === undefined) return undefined;
    const known = user.keys[algorithm];
    if (known !== undefined) return known;
    const password = passwordFor(this.#tenantSecrets.peek(user.principal.tenant), username);
    const key = longTermKey(algorithm, username, this.#realm, password);
    user.keys[algorithm] = key;
    return key;
  }

  /** Returns whether a username has been proved recently, so that its keys are cached. */
  knows(username: string): boolean {
    return this.#users.get(username) !== undefined;
  }

  /**
   * Caches a username whose key has proved a request.
   * @returns the principal; undefined if the username has not the form of such a credential
   */
  proved(username: string): Principal<Claims> | undefined {
    const user = this.#user(username);
    if (user === undefined) return undefined;
    if (user === this.#candidate) {
      this.#users.set(username, user);
      this.#tenantSecrets.get(user.principal.tenant);
      this.#candidate = undefined;
    }
    return user.principal;
  }

  #user(username: string): User<Claims> | undefined {
    const known = this.#users.get(username);
    if (known !== undefined) return known;
    if (this.#candidate?.principal.username === username) return this.#candidate;
    const parsed = parseTenantUsername(username);
    const claims = parsed && this.#claimsOf(parsed.tenant, parsed.subject);
    if (parsed === undefined || claims === undefined) return undefined;
    const { tenant, expiresAtSeconds } = parsed;
    const principal = { credential: 'tenant', username, tenant, expiresAtSeconds, claims } as const;
    this.#candidate = { principal, keys: {} };
    return this.#candidate;
  }
}
