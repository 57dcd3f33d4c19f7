import { BoundedCache } from '../collections/bounded-cache.js';
import { tenantSecret } from './keys.js';

/** Tenant secrets remembered. */
const CACHED_TENANTS_MAX = 1_024;

/** The tenants' secrets, each derived once as long as it is asked for. */
export class TenantSecrets {
  readonly #root: Uint8Array;
  readonly #known = new BoundedCache<Uint8Array>(CACHED_TENANTS_MAX);

  /** @param root - tenant root, 32 bytes (PROTOCOL.md section 1) */
  constructor(root: Uint8Array) {
    this.#root = root;
  }

  /**
   * The secret of a tenant (PROTOCOL.md section 1), remembered from now on.
   * @returns 32 bytes that all callers share
   */
  get(tenant: string): Uint8Array {
    const known = this.#known.get(tenant);
    if (known !== undefined) return known;
    const secret = tenantSecret(this.#root, tenant);
    this.#known.set(tenant, secret);
    return secret;
  }

  /** As `get`, of a name that anybody may have made up: it is not remembered. */
  peek(tenant: string): Uint8Array {
    return this.#known.get(tenant) ?? tenantSecret(this.#root, tenant);
  }
}
