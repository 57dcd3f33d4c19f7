import type { OauthKey } from './oauth-keys.js';
import type { Principal } from './principal.js';

/** The authenticated user of a standard TURN client. */
export interface TurnPrincipal extends Principal {
  /**
   * The user whom quotas count: the username without the expiry of a time-limited credential, so
   * that a renewed one is no other user.
   */
  readonly user: string;
  /**
   * The tenant of the user, whose users together get at most half of a server; absent for users of
   * no tenant and of the tenant `default`.
   */
  readonly tenant?: string;
  /**
   * Expiry of a time-limited credential, Unix seconds; absent for one that stays. The usage decides
   * what is still allowed after it.
   */
  readonly expiresAtSeconds?: number;
  /** Maximum allocations of the user, in place of the server's quota. */
  readonly userQuota?: number;
  /** What the access token says, where one is the credential. */
  readonly token?: TokenTerms;
}

/** When an access token counts, and whose it is (RFC 7635 section 6.2). */
export interface TokenTerms {
  /** The key that it is encrypted by. */
  readonly key: OauthKey;
  /** When it was made, Unix seconds with a fraction. */
  readonly timestampSeconds: number;
  readonly lifetimeSeconds: number;
}

/** A credential that a source knows for a username, not yet proved. */
export interface TurnCredential {
  readonly principal: TurnPrincipal;
  /** What it may be proved by, the likeliest first. */
  readonly secrets: readonly TurnSecret[];
}

/**
 * What a credential is proved by: a password, computed when it is asked for, or its MD5 key alone
 * (RFC 8489 section 9.2.2), 16 bytes, which gives no SHA-256 key.
 */
export type TurnSecret = { readonly password: () => string } | { readonly md5Key: Uint8Array };

/** Credentials of one kind. It never changes: a reload gives the verifier others. */
export interface CredentialSource {
  /**
   * The names of all its users, where these are known beforehand; undefined where a username is
   * minted by others and only judged here.
   */
  readonly usernames: Iterable<string> | undefined;
  /**
   * Looks a username up, without any hash.
   * @param username - as `opaqueString` returns it
   * @returns undefined if no credential of this source has the username
   */
  find(username: string): TurnCredential | undefined;
}
