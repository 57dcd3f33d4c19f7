import { NAME_PATTERN } from '../names.js';
import { USERNAME_BYTES_MAX } from '../stun/attribute-types.js';
import { hmac } from '../stun/hmac.js';

/** What the USERNAME of a tenant's credential says; trust it once its password is proved. */
export interface TenantUsername {
  readonly username: string;
  /** Unix seconds. */
  readonly expiresAtSeconds: number;
  readonly tenant: string;
  /** What follows the tenant's name: whom or what the credential is for. */
  readonly subject: string;
}

const USERNAME = new RegExp(`^(\\d{1,15}):(${NAME_PATTERN})/([^]*)$`);

/**
 * Parses `expiry:tenant/subject` (PROTOCOL.md section 2). Checks form only: whether it has expired,
 * and whether the password is right, is for the caller.
 * @param text - the USERNAME of a request
 * @returns undefined when it is not of that form, or longer than RFC 8489 section 14.3 allows
 */
export function parseTenantUsername(text: string): TenantUsername | undefined {
  if (Buffer.byteLength(text, 'utf8') > USERNAME_BYTES_MAX) return undefined;
  const match = USERNAME.exec(text);
  if (match === null) return undefined;
  const [, expiry, tenant, subject] = match as unknown as [string, string, string, string];
  return { username: text, expiresAtSeconds: Number(expiry), tenant, subject };
}

/**
 * The password that belongs to a username: base64, padded, of HMAC-SHA-256 (PROTOCOL.md section 2).
 * @param tenantSecret - of the tenant that the username names
 */
export function passwordFor(tenantSecret: Uint8Array, username: string): string {
  return hmac('sha256', tenantSecret, Buffer.from(username, 'utf8'), 'base64');
}
