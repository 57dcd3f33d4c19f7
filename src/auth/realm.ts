import type { PasswordAlgorithm } from '../stun/attribute-types.js';
import type { SecurityFeatures } from './nonce.js';

/** A realm, and what its challenges offer (RFC 8489 section 9.2). */
export interface Realm {
  readonly name: string;
  /** The content of PASSWORD-ALGORITHMS in challenges, in order of preference. */
  readonly passwordAlgorithms: readonly PasswordAlgorithm[];
}

/** Returns the security features that the nonces of a realm announce. */
export function featuresOf({ passwordAlgorithms }: Realm): SecurityFeatures {
  return { passwordAlgorithms: passwordAlgorithms.length > 0, usernameAnonymity: false };
}
