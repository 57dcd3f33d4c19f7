import type { Realm } from '../auth/realm.js';
import { passwordFor } from '../auth/tenant-credentials.js';
import { checkOptions } from '../options/check.js';
import type { OptionSpec } from '../options/option-spec.js';
import { SPECS } from '../options/shared-specs.js';
import type { LegName } from '../trunk/control-message.js';

/** Realm of the overlay's credentials (PROTOCOL.md section 5). */
export const OVERLAY_REALM: Realm = {
  name: 'turnpike',
  passwordAlgorithms: ['sha256', 'md5'],
};

/** Input of a credential. */
export interface CredentialInput {
  /** The tenant secret, 32 bytes. */
  readonly tenantSecret: Uint8Array;
  readonly tenant: string;
  /** 32 hex digits. */
  readonly connectionId: string;
  readonly role: 0 | 1;
  /** Unix seconds after which it cannot start a connection. */
  readonly expiresAtSeconds: number;
}

/** Fields after the role are reserved: their form is checked, their content ignored. */
const SUBJECT = /^([0-9a-fA-F]{32})\/([01])(?:\/[^/=]+=[^/]*)*$/;

/**
 * Parses the subject of a tenant's credential, `identifier/role` (PROTOCOL.md section 2).
 * @returns the leg's name; undefined for another form
 */
export function legNameOf(tenant: string, subject: string): LegName | undefined {
  const match = SUBJECT.exec(subject);
  if (match === null) return undefined;
  const [, connectionId, role] = match as unknown as [string, string, string];
  return { tenant, connectionId: connectionId.toLowerCase(), role: role === '1' ? 1 : 0 };
}

/** Specs of `CredentialInput`; the type requires one for each member. */
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
 * @returns username and password of the long-term credential mechanism
 * @throws TurnpikeError as `checkOptions`
 */
export function mintCredential(input: CredentialInput): { username: string; password: string } {
  const specs = CREDENTIAL_SPECS;
  return mintValidated(checkOptions<CredentialInput, typeof specs>('mintCredential', specs, input));
}

/** Mints a credential as `mintCredential`, from input whose fields have the protocol's form. */
export function mintValidated(input: CredentialInput): { username: string; password: string } {
  const { tenant, role, expiresAtSeconds } = input;
  const connectionId = input.connectionId.toLowerCase();
  const username = `${expiresAtSeconds}:${tenant}/${connectionId}/${role}`;
  return { username, password: passwordFor(input.tenantSecret, username) };
}
