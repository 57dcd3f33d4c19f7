import { BoundedCache } from '../collections/bounded-cache.js';
import { USERNAME_BYTES_MAX } from '../stun/attribute-types.js';
import { opaqueString } from '../stun/integrity.js';
import { ACCESS_TOKEN_BYTES_MAX, type AccessToken, openAccessToken } from './access-token.js';
import { isSameKey, type OauthKey, type OauthKeys } from './oauth-keys.js';
import type { User } from './principal.js';
import type { TokenTerms, TurnPrincipal } from './turn-principal.js';

/** Maximum remembered tokens, each of which has proved a request. */
export const OAUTH_TOKENS_REMEMBERED_MAX = 16_384;

/** Bytes of a token's key that coturn signs with by HMAC-SHA-1, however long the key is. */
const COTURN_KEY_BYTES = 16;

/**
 * Whoever has an access token of an authorization server (RFC 7635). The server learns no more of
 * them than the key, so its authorization server is the user of all its keys' tokens; of a key
 * without one that is its own name. A token that has proved a request is remembered, so that it is
 * decrypted once.
 */
export class OauthUsers {
  /** Content of THIRD-PARTY-AUTHORIZATION, and associated data of tokens. */
  readonly serverName: string;
  #keys: OauthKeys;
  #remembered = new BoundedCache<TokenUser>(OAUTH_TOKENS_REMEMBERED_MAX);

  constructor(serverName: string, keys: OauthKeys) {
    this.serverName = serverName;
    this.#keys = keys;
  }

  /** Takes other keys from now on, and forgets all remembered tokens. */
  replace(keys: OauthKeys): void {
    this.#keys = keys;
    this.#remembered = new BoundedCache<TokenUser>(OAUTH_TOKENS_REMEMBERED_MAX);
  }

  /** Looks a token up, as `Verifier.findByToken`. */
  find(kid: string, token: Uint8Array): User<TurnPrincipal> | undefined {
    if (token.length > ACCESS_TOKEN_BYTES_MAX) return undefined;
    if (Buffer.byteLength(kid) > USERNAME_BYTES_MAX) return undefined;
    const name = `${Buffer.from(token).toString('base64')} ${kid}`;
    const known = this.#remembered.get(name);
    if (known !== undefined) return known;
    const key = this.#keys.find(opaqueString(kid));
    if (key === undefined) return undefined;
    // The request's own bytes are of its batch.
    const bytes = Uint8Array.from(token);
    return new TokenUser(
      key,
      () => openAccessToken(bytes, key, this.serverName),
      (user) => this.#remembered.set(name, user),
    );
  }

  /** Returns whether the key of a token is still one of the keys: not after a reload without it. */
  accepts({ key }: TokenTerms): boolean {
    const now = this.#keys.find(key.kid);
    return now !== undefined && isSameKey(now, key);
  }
}

/** Whoever has a certain token. */
class TokenUser implements User<TurnPrincipal> {
  isRemembered = false;
  readonly #key: OauthKey;
  readonly #open: () => AccessToken | undefined;
  readonly #remember: (user: TokenUser) => void;
  #opened: { readonly token: AccessToken | undefined } | undefined;

  /**
   * @param open - decrypts the token; called once
   * @param remember - called once the token has proved a request
   */
  constructor(
    key: OauthKey,
    open: () => AccessToken | undefined,
    remember: (user: TokenUser) => void,
  ) {
    this.#key = key;
    this.#open = open;
    this.#remember = remember;
  }

  get principal(): TurnPrincipal {
    const { kid, issuer } = this.#key;
    const named = { username: kid, user: issuer === '' ? kid : issuer };
    const token = this.#token();
    if (token === undefined) return named;
    const { timestampSeconds, lifetimeSeconds } = token;
    return { ...named, token: { key: this.#key, timestampSeconds, lifetimeSeconds } };
  }

  /**
   * Returns the key in the token, which is derived from no password, and what coturn and clients
   * made for it take of that; none if the token does not open.
   */
  keysFor(): readonly Uint8Array[] {
    const token = this.#token();
    if (token === undefined) return [];
    return [token.macKey, token.macKey.subarray(0, COTURN_KEY_BYTES)];
  }

  /** Has the token remembered. */
  proved(): void {
    if (this.isRemembered) return;
    this.isRemembered = true;
    this.#remember(this);
  }

  #token(): AccessToken | undefined {
    this.#opened ??= { token: this.#open() };
    return this.#opened.token;
  }
}
