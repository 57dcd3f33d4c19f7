import { parseTenantUsername } from '../../src/auth/tenant-credentials.js';
import { legNameOf } from '../../src/overlay/leg-credentials.js';
import type { LegName } from '../../src/trunk/control-message.js';

/** The leg that a credential names, and its expiry. */
export interface LegCredential extends LegName {
  readonly username: string;
  /** Unix seconds after which it cannot start a connection. */
  readonly expiresAtSeconds: number;
}

/**
 * Parses `expiry:tenant/identifier/role` (PROTOCOL.md section 2) as a relay does, in two steps.
 * @param text - the USERNAME of a request
 * @returns undefined for another form
 */
export function parseUsername(text: string): LegCredential | undefined {
  const parsed = parseTenantUsername(text);
  const name = parsed && legNameOf(parsed.tenant, parsed.subject);
  if (parsed === undefined || name === undefined) return undefined;
  return { username: text, expiresAtSeconds: parsed.expiresAtSeconds, ...name };
}
