import { TurnpikeError } from '../errors.js';
import { checkOptions } from '../options/check.js';
import type { OptionSpec } from '../options/option-spec.js';
import { SPECS } from '../options/shared-specs.js';
import { opaqueString } from '../stun/integrity.js';
import { tenantTurnKey } from './keys.js';
import { DEFAULT_TENANT, parseTenantUsername, passwordFor } from './tenant-credentials.js';
import { TenantSecrets } from './tenant-secrets.js';
import type { CredentialSource, TurnCredential } from './turn-principal.js';

/** Maximum characters of the user in a tenant's TURN credential. */
export const TENANT_TURN_USER_CHARACTERS_MAX = 255;

/** The subject of a tenant's TURN credential: `turn`, or `turn/` and the user. */
const SUBJECT = /^turn(?:\/.+)?$/s;

/** Input of a TURN credential. */
export interface TurnCredentialInput {
  /** The tenant secret, 32 bytes. */
  readonly tenantSecret: Uint8Array;
  readonly tenant: string;
  /**
   * The user whom quotas count, 1 to 255 characters without control characters. Default: the
   * tenant as a whole.
   */
  readonly user?: string | undefined;
  /** Unix seconds after which it makes no allocation. */
  readonly expiresAtSeconds: number;
}

/** Specs of `TurnCredentialInput`; the type requires one for each member. */
const TURN_CREDENTIAL_SPECS = {
  tenantSecret: { ...SPECS.secret, required: true },
  tenant: { ...SPECS.name, required: true },
  user: {
    kind: 'text',
    pattern: '^[^\\p{Cc}\\p{Cs}\\p{Zl}\\p{Zp}]+$',
    lengthMin: 1,
    lengthMax: TENANT_TURN_USER_CHARACTERS_MAX,
    words: `1 to ${TENANT_TURN_USER_CHARACTERS_MAX} characters without control characters`,
  },
  expiresAtSeconds: { kind: 'integer', minimum: 0, maximum: 1e15 - 1, required: true },
} as const satisfies Record<keyof TurnCredentialInput, OptionSpec>;

/**
 * Mints a tenant's credential for standard TURN (PROTOCOL.md section 2), for servers that hold the
 * tenant's secret. It opens no leg, since a leg's credential has another form and another key.
 * @returns username and password of the long-term credential mechanism
 * @throws TurnpikeError as `checkOptions`; ERR_TURNPIKE_CREDENTIAL if the username would have more
 *   bytes than RFC 8489 section 14.3 allows
 */
export function mintTurnCredential(input: TurnCredentialInput): {
  username: string;
  password: string;
} {
  const specs = TURN_CREDENTIAL_SPECS;
  const checked = checkOptions<TurnCredentialInput, typeof specs>(
    'mintTurnCredential',
    specs,
    input,
  );
  const { tenantSecret, tenant, user, expiresAtSeconds } = checked;
  const subject = user === undefined ? 'turn' : `turn/${opaqueString(user)}`;
  const username = `${expiresAtSeconds}:${tenant}/${subject}`;
  if (parseTenantUsername(username) === undefined) {
    const message = `mintTurnCredential: the username would be too long: ${username}`;
    throw new TurnpikeError('ERR_TURNPIKE_CREDENTIAL', message);
  }
  return { username, password: passwordFor(tenantTurnKey(tenantSecret), username) };
}

/**
 * The users of all tenants of a cluster as users of standard TURN, by credentials that whoever has
 * a tenant's secret mints (`mintTurnCredential`). Nothing is known of them beforehand. The password
 * is computed from the tenant root, without a request to the directory (PROTOCOL.md section 2).
 */
export class TenantTurnUsers implements CredentialSource {
  readonly usernames = undefined;
  readonly #tenantSecrets: TenantSecrets;

  /** @param root - tenant root, 32 bytes (PROTOCOL.md section 1) */
  constructor(root: Uint8Array) {
    this.#tenantSecrets = new TenantSecrets(root);
  }

  /**
   * Looks a username up, as `CredentialSource.find`. The user whom quotas count is the username
   * without its expiry.
   * @returns undefined for another form, that of a leg's credential included
   */
  find(username: string): TurnCredential | undefined {
    const parsed = parseTenantUsername(username);
    if (parsed === undefined || !SUBJECT.test(parsed.subject)) return undefined;
    const { tenant, subject, expiresAtSeconds } = parsed;
    const password = () => passwordFor(tenantTurnKey(this.#tenantSecrets.peek(tenant)), username);
    return {
      principal: {
        username,
        user: `${tenant}/${subject}`,
        ...(tenant !== DEFAULT_TENANT && { tenant }),
        expiresAtSeconds,
      },
      secrets: [{ password }],
    };
  }
}
