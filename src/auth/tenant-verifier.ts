import { BoundedCache } from '../collections/bounded-cache.js';
import type { PasswordAlgorithm } from '../stun/attribute-types.js';
import { longTermKey } from '../stun/integrity.js';
import type { TenantPrincipal, User, Verifier } from './principal.js';
import { parseTenantUsername, passwordFor } from './tenant-credentials.js';
import { TenantSecrets } from './tenant-secrets.js';

/** Maximum cached users; all requests of a peer for a connection have the same username. */
const CACHED_USERS_MAX = 8_192;

/**
 * Derives the keys of tenants' credentials from the tenant root alone, without a request to the
 * directory (PROTOCOL.md section 2). Users are cached once they have proved a request, so that
 * forged names evict nothing.
 */
export class TenantVerifier<Claims> implements Verifier<TenantPrincipal<Claims>> {
  readonly #realm: string;
  readonly #claimsOf: (tenant: string, subject: string) => Claims | undefined;
  readonly #tenantSecrets: TenantSecrets;
  readonly #users = new BoundedCache<TenantUser<Claims>>(CACHED_USERS_MAX);

  /**
   * @param options.realm - name of the realm
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

  /** Looks a username up, as `Verifier.find`. */
  find(username: string): TenantUser<Claims> | undefined {
    const known = this.#users.get(username);
    if (known !== undefined) return known;
    const parsed = parseTenantUsername(username);
    const claims = parsed && this.#claimsOf(parsed.tenant, parsed.subject);
    if (parsed === undefined || claims === undefined) return undefined;
    const { tenant, expiresAtSeconds } = parsed;
    return new TenantUser({ username, tenant, expiresAtSeconds, claims }, this);
  }

  /** Derives the long-term key of a principal. */
  deriveKey(
    { username, tenant }: TenantPrincipal<Claims>,
    algorithm: PasswordAlgorithm,
  ): Uint8Array {
    const password = passwordFor(this.#tenantSecrets.peek(tenant), username);
    return longTermKey(algorithm, username, this.#realm, password);
  }

  /** Caches a user that has proved a request, and its tenant's secret. */
  remember(user: TenantUser<Claims>): void {
    const { username, tenant } = user.principal;
    this.#users.set(username, user);
    this.#tenantSecrets.get(tenant);
  }
}

/** A tenant's user, with the keys that have been derived. */
class TenantUser<Claims> implements User<TenantPrincipal<Claims>> {
  readonly principal: TenantPrincipal<Claims>;
  isRemembered = false;
  readonly #verifier: TenantVerifier<Claims>;
  readonly #keys: { [algorithm in PasswordAlgorithm]?: Uint8Array } = {};

  constructor(principal: TenantPrincipal<Claims>, verifier: TenantVerifier<Claims>) {
    this.principal = principal;
    this.#verifier = verifier;
  }

  /** Returns the long-term key, derived once. */
  keyFor(algorithm: PasswordAlgorithm): Uint8Array {
    const known = this.#keys[algorithm];
    if (known !== undefined) return known;
    const key = this.#verifier.deriveKey(this.principal, algorithm);
    this.#keys[algorithm] = key;
    return key;
  }

  /** Returns its only key. */
  keysFor(algorithm: PasswordAlgorithm): readonly Uint8Array[] {
    return [this.keyFor(algorithm)];
  }

  /** Has the user remembered. */
  proved(): void {
    if (this.isRemembered) return;
    this.isRemembered = true;
    this.#verifier.remember(this);
  }
}
