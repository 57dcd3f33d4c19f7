import { TurnpikeError } from '../errors.js';
import { NAME_PATTERN } from '../limits.js';
import { checkOptions } from '../options/check.js';
import type { OptionSpec } from '../options/option-spec.js';
import { SPECS } from '../options/shared-specs.js';
import { USERNAME_BYTES_MAX } from '../stun/attribute-types.js';
import { hmac } from '../stun/hmac.js';
import { isName } from './keys.js';

/** The realm of every credential of the overlay (PROTOCOL.md section 5). */
export const OVERLAY_REALM = 'turnpike';

/** What a peer's username says (PROTOCOL.md section 2); trust it once its password is proved. */
export interface Credential {
  readonly username: string;
  /** Unix seconds after which it starts no connection any more. */
  readonly expiresAtSeconds: number;
  readonly tenant: string;
  /** 32 lower-case hex digits. */
  readonly connectionId: string;
  readonly role: 0 | 1;
}

/** What a credential is minted from. */
export interface CredentialInput {
  /** 32 bytes. */
  readonly tenantSecret: Uint8Array;
  readonly tenant: string;
  /** 32 hex digits. */
  readonly connectionId: string;
  readonly role: 0 | 1;
  /** Unix seconds after which it starts no connection any more. */
  readonly expiresAtSeconds: number;
}

/** Fields after the role are reserved: their form is checked, their content ignored. */
const USERNAME = new RegExp(
  `^(\\d{1,15}):(${NAME_PATTERN})/([0-9a-fA-F]{32})/([01])(?:/[^/=]+=[^/]*)*$`,
);

/**
 * Parses `expiry:tenant/identifier/role` (PROTOCOL.md section 2). Checks form only: whether it has
 * expired, and whether the password is right, is for the caller.
 * @param text - the USERNAME of a request
 * @returns undefined when it is not of that form, or longer than RFC 8489 section 14.3 allows
 */
export function parseUsername(text: string): Credential | undefined {
  if (Buffer.byteLength(text, 'utf8') > USERNAME_BYTES_MAX) return undefined;
  const match = USERNAME.exec(text);
  if (match === null) return undefined;
  const [, expiry, tenant, connectionId, role] = match as unknown as [string, ...string[]];
  return {
    username: text,
    expiresAtSeconds: Number(expiry),
    tenant: tenant as string,
    connectionId: (connectionId as string).toLowerCase(),
    role: role === '1' ? 1 : 0,
  };
}

/** The specs of `CredentialInput`: every member stands here. */
const CREDENTIAL_SPECS = {
  tenantSecret: { ...SPECS.secret, required: true },
  tenant: { ...SPECS.name, required: true },
  connectionId: {
    kind: 'text',
    pattern: '^[0-9a-fA-F]{32}$',
    words: '32 hex digits',
    required: true,
  },
  role: { kind: 'choice', choices: [0, 1], required: true },
  expiresAtSeconds: { kind: 'integer', minimum: 0, maximum: 1e15 - 1, required: true },
} as const satisfies Record<keyof CredentialInput, OptionSpec>;

/**
 * Mints a peer's credential (PROTOCOL.md section 2), for servers that hold a tenant's secret.
 * @returns username and password for the long-term credential mechanism
 * @throws TurnpikeError as `checkOptions`; ERR_TURNPIKE_CREDENTIAL as `mint`
 */
export function mintCredential(input: CredentialInput): { username: string; password: string } {
  const specs = CREDENTIAL_SPECS;
  return mint(checkOptions<CredentialInput, typeof specs>('mintCredential', specs, input));
}

/**
 * As `mintCredential`, of what was checked before.
 * @throws TurnpikeError ERR_TURNPIKE_CREDENTIAL when a field is not of the protocol's form
 */
export function mint(input: CredentialInput): { username: string; password: string } {
  const { tenant, role, expiresAtSeconds } = input;
  const connectionId = input.connectionId.toLowerCase();
  const username = `${expiresAtSeconds}:${tenant}/${connectionId}/${role}`;
  if (!isName(tenant) || parseUsername(username) === undefined) {
    throw new TurnpikeError('ERR_TURNPIKE_CREDENTIAL', `cannot mint a credential for ${username}`);
  }
  return { username, password: passwordFor(input.tenantSecret, username) };
}

/**
 * The password that belongs to a username: base64, padded, of HMAC-SHA-256 (PROTOCOL.md section 2).
 * @param tenantSecret - of the tenant that the username names
 */
export function passwordFor(tenantSecret: Uint8Array, username: string): string {
  return hmac('sha256', tenantSecret, Buffer.from(username, 'utf8'), 'base64');
}
