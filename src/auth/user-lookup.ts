import type { TransportAddress } from '../address.js';
import { AttributeType, USERNAME_BYTES_MAX } from '../stun/attribute-types.js';
import { opaqueString, USER_HASH_BYTES } from '../stun/integrity.js';
import type { StunMessage } from '../stun/message.js';
import type { Principal, User } from './principal.js';
import { CONTROL } from './static-users.js';

/** Whom a request names: by USERNAME, in the form of `opaqueString`, or by USERHASH in hex. */
export type SoughtUser =
  | { readonly username: string; readonly userHash?: undefined }
  | { readonly username?: undefined; readonly userHash: string };

/** A look-up of one user, and the request that is the reason for it. */
export interface UserQuestion {
  readonly sought: SoughtUser;
  /** STUN method of the request. */
  readonly method: number;
  readonly client: TransportAddress;
  /** Aborted when the answer is no longer awaited. */
  readonly signal: AbortSignal;
}

/**
 * Looks a user up outside of this process.
 * @returns the user, not yet proved; undefined if there is none
 */
export type LookUpUser<Proved extends Principal> = (
  question: UserQuestion,
) => Promise<User<Proved> | undefined>;

/**
 * Returns whom a request names.
 * @returns undefined if nobody can have that name: an empty or too long one, one with control
 *   characters, or a hash of another length
 */
export function soughtUser(message: StunMessage): SoughtUser | undefined {
  const given = message.text(AttributeType.Username);
  if (given !== undefined) {
    const isName =
      given !== '' && Buffer.byteLength(given) <= USERNAME_BYTES_MAX && !CONTROL.test(given);
    return isName ? { username: opaqueString(given) } : undefined;
  }
  const hash = message.get(AttributeType.UserHash);
  if (hash?.length !== USER_HASH_BYTES) return undefined;
  return { userHash: Buffer.from(hash.buffer, hash.byteOffset, hash.length).toString('hex') };
}
