import { describe } from '../describe-value.js';
import { TurnpikeError } from '../errors.js';
import { type PasswordAlgorithm, REALM_CHARACTERS_MAX } from '../stun/attribute-types.js';
import { opaqueString } from '../stun/integrity.js';
import type { SecurityFeatures } from './nonce.js';

/** A realm, and what its challenges offer (RFC 8489 section 9.2). */
export interface Realm {
  readonly name: string;
  /** The content of PASSWORD-ALGORITHMS in challenges, in order of preference. */
  readonly passwordAlgorithms: readonly PasswordAlgorithm[];
  /**
   * Whether its nonces ask for USERHASH in place of USERNAME. Only for a server that knows the
   * names of all its users beforehand. Default false.
   */
  readonly usernameAnonymity?: boolean;
  /**
   * The server's name in THIRD-PARTY-AUTHORIZATION, where access tokens are taken (RFC 7635 section
   * 6.1). Default: they are not.
   */
  readonly thirdParty?: string | undefined;
}

/**
 * Control characters, and the two that REALM cannot have without quoting (RFC 3261 section 25.1).
 */
const FORBIDDEN = /[\p{Cc}\p{Cs}\p{Zl}\p{Zp}"\\]/u;

/** Returns the security features that the nonces of a realm announce. */
export function featuresOf({ passwordAlgorithms, usernameAnonymity }: Realm): SecurityFeatures {
  return {
    passwordAlgorithms: passwordAlgorithms.length > 0,
    usernameAnonymity: usernameAnonymity === true,
  };
}

/**
 * Checks the name of a realm (RFC 8489 section 14.9). An empty one is refused because libwebrtc,
 * libnice, libjuice and others give up at a challenge with it.
 * @param name - any domain name, or another text of 1 to REALM_CHARACTERS_MAX characters
 * @returns the name as `opaqueString` prepares it, so that clients that do not prepare it derive
 *   the same keys from what they were sent (RFC 8489 section 14.9)
 * @throws TurnpikeError ERR_TURNPIKE_CONFIG for an empty or longer text, or one with control
 *   characters, a quotation mark or a backslash
 */
export function checkRealmName(name: string): string {
  const fault = realmFault(name);
  if (fault === undefined) return opaqueString(name);
  throw new TurnpikeError('ERR_TURNPIKE_CONFIG', `the realm ${describe(name)} ${fault}`);
}

function realmFault(name: unknown): string | undefined {
  if (typeof name !== 'string') return 'is no text';
  if (name.trim() === '') return 'is empty: clients give up at a challenge without one';
  if ([...name].length > REALM_CHARACTERS_MAX) {
    return `is longer than ${REALM_CHARACTERS_MAX} characters`;
  }
  return FORBIDDEN.test(name) ? 'has a character that a realm cannot have' : undefined;
}
