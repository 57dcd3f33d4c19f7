import { timingSafeEqual } from 'node:crypto';
import { BoundedCache } from '../collections/bounded-cache.js';
import { type PasswordAlgorithm, USERNAME_BYTES_MAX } from '../stun/attribute-types.js';
import { longTermKey, opaqueString, userHash } from '../stun/integrity.js';
import type { OauthUsers } from './oauth-users.js';
import type { User, Verifier } from './principal.js';
import { checkRealmName, type Realm } from './realm.js';
import type {
  CredentialSource,
  TokenTerms,
  TurnCredential,
  TurnPrincipal,
  TurnSecret,
} from './turn-principal.js';

/** Maximum remembered users of standard TURN, each with its keys. */
export const TURN_USERS_REMEMBERED_MAX = 16_384;

/**
 * Knows the users of a standard TURN server, from several sources: where two know a username, the
 * first one has it. A user that has proved a request is remembered with its key, so that its next
 * requests cost one HMAC; unproved names are not, so that forged ones evict nothing.
 */
export class TurnVerifier implements Verifier<TurnPrincipal> {
  /** What challenges offer. It stays as it is at a reload, as the nonces that clients hold do. */
  readonly realm: Realm;
  readonly #oauth: OauthUsers | undefined;
  #sources: readonly CredentialSource[] = [];
  /** Names of the users that are known beforehand, by hash. */
  #namesByHash = new Map<string, string>();
  #users = remembered();
  #usersByHash = remembered();

  /**
   * @param options.realm - name of the realm
   * @param options.sources - whose usernames are all known beforehand, clients are asked for
   *   USERHASH in place of USERNAME (RFC 8489 section 9.2); with any other source they are not, as
   *   a client that is asked leaves USERNAME out. PASSWORD-ALGORITHMS offers SHA-256 unless all
   *   users have only an MD5 key
   * @param options.hasLookups - whether users that no source knows are looked up elsewhere
   * @param options.oauth - keys of access tokens; no USERHASH is asked for with these either, since
   *   USERNAME names the key
   * @throws TurnpikeError ERR_TURNPIKE_CONFIG as `checkRealmName`
   */
  constructor(options: {
    readonly realm: string;
    readonly sources: readonly CredentialSource[];
    readonly hasLookups?: boolean;
    readonly oauth?: OauthUsers | undefined;
  }) {
    const { sources, hasLookups = false, oauth } = options;
    const name = checkRealmName(options.realm);
    const usernameAnonymity =
      sources.length > 0 && sources.every(isStatic) && !hasLookups && !oauth;
    const onlyMd5 = usernameAnonymity && sources.every(hasOnlyMd5Keys);
    const passwordAlgorithms = onlyMd5 ? (['md5'] as const) : (['sha256', 'md5'] as const);
    this.realm = {
      ...{ name, passwordAlgorithms, usernameAnonymity },
      ...(oauth !== undefined && { thirdParty: oauth.serverName }),
    };
    this.#oauth = oauth;
    this.replace(sources);
  }

  /**
   * Takes other sources from now on, and forgets all remembered users. Allocations of users that
   * are gone are the usage's business: `accepts`.
   */
  replace(sources: readonly CredentialSource[]): void {
    const realm = this.realm.name;
    const names = sources.flatMap(({ usernames }) => [...(usernames ?? [])]);
    this.#sources = sources;
    this.#namesByHash = new Map(names.map((name) => [hexOf(userHash(name, realm)), name]));
    this.#users = remembered();
    this.#usersByHash = remembered();
  }

  /** Looks a username up, as `Verifier.find`. */
  find(username: string): TurnUser | undefined {
    const known = this.#users.get(username);
    if (known !== undefined) return known;
    if (Buffer.byteLength(username) > USERNAME_BYTES_MAX) return undefined;
    const name = opaqueString(username);
    for (const source of this.#sources) {
      const credential = source.find(name);
      if (credential !== undefined) return new TurnUser(username, credential, this);
    }
    return undefined;
  }

  /**
   * Looks a USERHASH up, as `Verifier.findByHash`. It finds users that are known beforehand, and
   * those of time-limited credentials that have proved a request by USERNAME recently.
   */
  findByHash(hash: Uint8Array): TurnUser | undefined {
    const hex = hexOf(hash);
    const name = this.#namesByHash.get(hex);
    return name === undefined ? this.#usersByHash.get(hex) : this.find(name);
  }

  /**
   * Returns whether a credential that was proved earlier is still one of a source: false after a
   * reload that removed its user or secret, or changed its password.
   * @param username - the principal's
   * @param key - the key that proved it (`Signer.key`): 16 bytes of MD5 or 32 of SHA-256, or the
   *   token's
   * @param token - the terms of its access token, if that was the credential
   */
  accepts(username: string, key: Uint8Array, token?: TokenTerms): boolean {
    if (token !== undefined) return this.#oauth?.accepts(token) === true;
    const user = this.find(username);
    const keys = user?.keysFor(key.length === MD5_BYTES ? 'md5' : 'sha256') ?? [];
    return [...keys].some((each) => each.length === key.length && timingSafeEqual(each, key));
  }

  /** Looks an access token up, as `Verifier.findByToken`. */
  findByToken(kid: string, token: Uint8Array): User<TurnPrincipal> | undefined {
    return this.#oauth?.find(kid, token);
  }

  /** Derives a long-term key. @returns undefined if the secret gives none of this algorithm */
  deriveKey(
    { username }: TurnPrincipal,
    secret: TurnSecret,
    algorithm: PasswordAlgorithm,
  ): Uint8Array | undefined {
    if ('password' in secret) {
      return longTermKey(algorithm, username, this.realm.name, secret.password());
    }
    return algorithm === 'md5' ? secret.md5Key : undefined;
  }

  /** Remembers a user that has proved a request. */
  remember(user: TurnUser): void {
    const { username } = user.principal;
    this.#users.set(user.name, user);
    this.#usersByHash.set(hexOf(userHash(username, this.realm.name)), user);
  }
}

const MD5_BYTES = 16;

/** A user of one source, with the keys that have been derived. */
class TurnUser implements User<TurnPrincipal> {
  readonly principal: TurnPrincipal;
  isRemembered = false;
  readonly #verifier: TurnVerifier;
  /** The secrets it may have; once one has proved a request, that one first. */
  #secrets: readonly TurnSecret[];
  readonly #keys = new Map<TurnSecret, { [algorithm in PasswordAlgorithm]?: Uint8Array }>();

  /** @param name - the USERNAME that it is looked up by */
  constructor(
    readonly name: string,
    { principal, secrets }: TurnCredential,
    verifier: TurnVerifier,
  ) {
    this.principal = principal;
    this.#secrets = secrets;
    this.#verifier = verifier;
  }

  /** Returns the long-term keys, each derived once. */
  *keysFor(algorithm: PasswordAlgorithm): Generator<Uint8Array> {
    for (const secret of this.#secrets) {
      const key = this.#keyOf(secret, algorithm);
      if (key !== undefined) yield key;
    }
  }

  /**
   * Puts the secret that has this key first, and has the user remembered. The others stay: two
   * minters with different secrets may give one user the same expiry.
   */
  proved(key: Uint8Array): void {
    if (this.isRemembered) return;
    const isIts = (secret: TurnSecret) => {
      const keys = this.#keys.get(secret);
      return keys?.md5 === key || keys?.sha256 === key;
    };
    const others = this.#secrets.filter((secret) => !isIts(secret));
    this.#secrets = [...this.#secrets.filter(isIts), ...others];
    this.isRemembered = true;
    this.#verifier.remember(this);
  }

  #keyOf(secret: TurnSecret, algorithm: PasswordAlgorithm): Uint8Array | undefined {
    const keys = this.#keys.get(secret) ?? {};
    this.#keys.set(secret, keys);
    const key = keys[algorithm] ?? this.#verifier.deriveKey(this.principal, secret, algorithm);
    if (key !== undefined) keys[algorithm] = key;
    return key;
  }
}

function remembered(): BoundedCache<TurnUser> {
  return new BoundedCache<TurnUser>(TURN_USERS_REMEMBERED_MAX);
}

function isStatic({ usernames }: CredentialSource): boolean {
  return usernames !== undefined;
}

function hasOnlyMd5Keys(source: CredentialSource): boolean {
  return [...(source.usernames ?? [])].every((name) =>
    source.find(name)?.secrets.every((secret) => 'md5Key' in secret),
  );
}

function hexOf(bytes: Uint8Array): string {
  return Buffer.from(bytes.buffer, bytes.byteOffset, bytes.length).toString('hex');
}
