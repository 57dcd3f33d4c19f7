import { BoundedCache } from '../collections/bounded-cache.js';
import { tenantSecret } from './keys.js';

/** Maximum cached tenant secrets. */
const CACHED_TENANTS_MAX = 1_024;

/** Derives tenant secrets and caches those in use. */
export class TenantSecrets {
  readonly #root: Uint8Array;
  readonly #known = new BoundedCache<Uint8Array>(CACHED_TENANTS_MAX);

  /** @param root - tenant root, 32 bytes (PROTOCOL.md section 1) */
  constructor(root: Uint8Array) {
    this.#root = root;
  }

  /**
   * Returns the secret of a tenant (PROTOCOL.md section 1), and caches it.
   * @returns 32 bytes, shared by all callers
   */
  get(tenant: string): Uint8Array {
    const known = this.#known.get(tenant);
    if (known !== undefined) return known;
    const secret = tenantSecret(this.#root, tenant);
    this.#known.set(tenant, secret);
    return secret;
  }

  /** As `get`, for an unproved name: does not cache it, so that forged names evict nothing. */
  peek(tenant: string): Uint8Array {
    return this.#known.get(tenant) ?? tenantSecret(this.#root, tenant);
  }
}
