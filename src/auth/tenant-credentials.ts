import { NAME_PATTERN } from '../names.js';
import { USERNAME_BYTES_MAX } from '../stun/attribute-types.js';
import { hmac } from '../stun/hmac.js';

/** The tenant that may use all of a relay (PROTOCOL.md section 2, error 486). */
export const DEFAULT_TENANT = 'default';

/** Maximum time in which credentials can start a connection. */
export const CREDENTIAL_TTL_SECONDS_MAX = 86_400;

/** The content of a tenant credential's USERNAME; trustworthy once the password is proved. */
export interface TenantUsername {
  readonly username: string;
  /** Unix seconds. */
  readonly expiresAtSeconds: number;
  readonly tenant: string;
  /** The part after the tenant's name: the purpose of the credential. */
  readonly subject: string;
}

const USERNAME = new RegExp(`^(\\d{1,15}):(${NAME_PATTERN})/([^]*)$`);

/**
 * Parses `expiry:tenant/subject` (PROTOCOL.md section 2). Checks the form only; the caller checks
 * expiry and password.
 * @param text - the USERNAME of a request
 * @returns undefined for another form, or more bytes than RFC 8489 section 14.3 allows
 */
export function parseTenantUsername(text: string): TenantUsername | undefined {
  if (Buffer.byteLength(text, 'utf8') > USERNAME_BYTES_MAX) return undefined;
  const match = USERNAME.exec(text);
  if (match === null) return undefined;
  const [, expiry, tenant, subject] = match as unknown as [string, string, string, string];
  return { username: text, expiresAtSeconds: Number(expiry), tenant, subject };
}

/**
 * Returns the password of a username: padded base64 of HMAC-SHA-256 (PROTOCOL.md section 2).
 * @param tenantSecret - secret of the tenant in the username, 32 bytes
 */
export function passwordFor(tenantSecret: Uint8Array, username: string): string {
  return hmac('sha256', tenantSecret, Buffer.from(username, 'utf8'), 'base64');
}
