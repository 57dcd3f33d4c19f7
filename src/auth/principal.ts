import type { PasswordAlgorithm } from '../stun/attribute-types.js';

/** The authenticated sender of a request. Each kind of credential has its own further content. */
export interface Principal {
  readonly username: string;
}

/** A principal whose password derives from a tenant secret. */
export interface TenantPrincipal<Claims> extends Principal {
  readonly tenant: string;
  /** Expiry of the credential, Unix seconds. Each usage decides what is still allowed after it. */
  readonly expiresAtSeconds: number;
  /** Further content of the credential, in the usage's form. */
  readonly claims: Claims;
}

/** A username that a verifier knows, not yet proved. */
export interface User<Proved extends Principal> {
  /** The principal that the username stands for once a key of it has proved a request. */
  readonly principal: Proved;
  /** Whether it was proved recently: a request of it costs no key derivation. */
  readonly isRemembered: boolean;
  /**
   * Returns the long-term keys that it may have, the likeliest first, each derived when it is asked
   * for. There are several while shared secrets are exchanged, and none where its credential has no
   * key of this algorithm.
   */
  keysFor(algorithm: PasswordAlgorithm): Iterable<Uint8Array>;
  /** Notes that a key of `keysFor` has proved a request. */
  proved(key: Uint8Array): void;
}

/** Knows the users of a usage, by credentials of one or several kinds. */
export interface Verifier<Proved extends Principal> {
  /**
   * Looks a username up without any hash. Called for genuine nonces only, so that forged sources
   * cost no look-up.
   * @returns undefined if no credential of this verifier can have the username
   */
  find(username: string): User<Proved> | undefined;
  /**
   * Looks the value of USERHASH up (RFC 8489 section 9.2.4). Called as `find` is. A verifier
   * without this method knows nobody by hash.
   * @param hash - 32 bytes: SHA-256 of `username:realm`
   * @returns undefined if no user that this verifier can name has it
   */
  findByHash?(hash: Uint8Array): User<Proved> | undefined;
  /**
   * Looks up whoever has an access token (RFC 7635). Called as `find` is, and decrypts nothing yet.
   * Needed only in a realm that takes tokens (`Realm.thirdParty`).
   * @param kid - USERNAME: the name of the key that the token is encrypted by
   * @param token - value of ACCESS-TOKEN, of any length
   * @returns undefined if there is no such key
   */
  findByToken?(kid: string, token: Uint8Array): User<Proved> | undefined;
}
