import { isName } from '../auth/keys.js';
import { parseTenantUsername, passwordFor } from '../auth/tenant-credentials.js';
import { TurnpikeError } from '../errors.js';
import { checkOptions } from '../options/check.js';
import type { OptionSpec } from '../options/option-spec.js';
import { SPECS } from '../options/shared-specs.js';
import type { LegName } from '../trunk/control-message.js';

/** Longest time in which credentials may start a connection. */
export const CREDENTIAL_TTL_SECONDS_MAX = 86_400;

/** The realm of every credential of the overlay (PROTOCOL.md section 5). */
export const OVERLAY_REALM = 'turnpike';

/** What a credential names, besides when it expires. */
export interface LegCredential extends LegName {
  readonly username: string;
  /** Unix seconds after which it starts no connection any more. */
  readonly expiresAtSeconds: number;
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
const SUBJECT = /^([0-9a-fA-F]{32})\/([01])(?:\/[^/=]+=[^/]*)*$/;

/**
 * Reads the leg that a tenant's credential names: `identifier/role` (PROTOCOL.md section 2).
 * @returns undefined when the subject is not of that form
 */
export function legNameOf(tenant: string, subject: string): LegName | undefined {
  const match = SUBJECT.exec(subject);
  if (match === null) return undefined;
  const [, connectionId, role] = match as unknown as [string, string, string];
  return { tenant, connectionId: connectionId.toLowerCase(), role: role === '1' ? 1 : 0 };
}

/**
 * Parses `expiry:tenant/identifier/role` (PROTOCOL.md section 2). Checks form only, as
 * `parseTenantUsername`.
 * @param text - the USERNAME of a request
 * @returns undefined when it is not of that form
 */
export function parseUsername(text: string): LegCredential | undefined {
  const parsed = parseTenantUsername(text);
  const name = parsed && legNameOf(parsed.tenant, parsed.subject);
  if (parsed === undefined || name === undefined) return undefined;
  return { username: text, expiresAtSeconds: parsed.expiresAtSeconds, ...name };
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
