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
  /** Returns its long-term key; undefined if it has none of this algorithm. */
  keyFor(algorithm: PasswordAlgorithm): Uint8Array | undefined;
  /** Notes that a key has proved a request. */
  proved(): void;
}

/** Knows the users of a usage, by credentials of one or several kinds. */
export interface Verifier<Proved extends Principal> {
  /**
   * Looks a username up without any hash. Called for genuine nonces only, so that forged sources
   * cost no look-up.
   * @returns undefined if no credential of this verifier can have the username
   */
  find(username: string): User<Proved> | undefined;
}
