import { OauthKeys } from '../auth/oauth-keys.js';
import { OauthUsers } from '../auth/oauth-users.js';
import { RestSecrets } from '../auth/rest-secrets.js';
import { StaticUsers } from '../auth/static-users.js';
import type { CredentialSource } from '../auth/turn-principal.js';
import { TurnVerifier } from '../auth/turn-verifier.js';
import { TurnpikeError } from '../errors.js';

/** Texts of the users and of the shared secrets, as in `TurnServerOptions`. */
export interface CredentialTexts {
  readonly users: readonly string[];
  readonly authSecrets: readonly string[];
  readonly oauthKeys: readonly string[];
}

/** Users besides those that the texts make. */
export interface OtherUsers {
  /** The users of a cluster's tenants, where they count. */
  readonly tenants?: CredentialSource | undefined;
  /** Whether further users are looked up. */
  readonly hasLookups?: boolean | undefined;
  /** The server's name to authorization servers. Default: the realm. */
  readonly oauthServerName?: string | undefined;
}

/** The sources of credentials that the texts make. */
interface Sources {
  readonly texts: CredentialTexts;
  readonly users: StaticUsers;
  readonly all: readonly CredentialSource[];
  readonly keys: OauthKeys;
}

/**
 * The credentials of a TURN server: its users, the tenants' users, its shared secrets, its keys of
 * access tokens. All but the tenants can be replaced.
 */
export class Credentials {
  readonly verifier: TurnVerifier;
  readonly #others: OtherUsers;
  readonly #oauth: OauthUsers | undefined;
  #sources: Sources;

  /**
   * @param others - the users beside the texts; they stay
   * @throws TurnpikeError ERR_TURNPIKE_CONFIG without any user, secret, tenants and look-up, or for
   *   the realm; ERR_TURNPIKE_SECRET as `StaticUsers.parse` and `RestSecrets.parse`
   */
  constructor(realm: string, texts: CredentialTexts, others: OtherUsers = {}) {
    this.#others = others;
    this.#sources = sourcesOf(texts, others);
    const { hasLookups = false, oauthServerName } = others;
    const { all, keys } = this.#sources;
    const serverName = oauthServerName ?? realm;
    // Without keys at the start challenges do not offer tokens.
    this.#oauth = keys.size > 0 ? new OauthUsers(serverName, keys) : undefined;
    const oauth = this.#oauth;
    this.verifier = new TurnVerifier({ realm, sources: all, hasLookups, oauth });
  }

  /** Names of the users that cannot use SHA-256. */
  get md5Only(): readonly string[] {
    return this.#sources.users.md5Only;
  }

  /**
   * Checks credentials, and returns what takes them in place of those before; what is left out
   * stays. Throws as the constructor; ERR_TURNPIKE_CONFIG for a first key of tokens too, as
   * challenges offer them from the start or not at all.
   */
  prepare(change: Partial<CredentialTexts>): () => void {
    const sources = sourcesOf({ ...this.#sources.texts, ...change }, this.#others);
    if (sources.keys.size > 0 && this.#oauth === undefined) {
      const message =
        '`oauthKeys` (--oauth-keys-file) had no key at the start: restart to take one';
      throw new TurnpikeError('ERR_TURNPIKE_CONFIG', message);
    }
    return () => {
      this.#sources = sources;
      this.#oauth?.replace(sources.keys);
      this.verifier.replace(sources.all);
    };
  }
}

function sourcesOf(
  { users: userTexts, authSecrets: secretTexts, oauthKeys: keyTexts }: CredentialTexts,
  { tenants, hasLookups = false }: OtherUsers,
): Sources {
  const given = userTexts.length + secretTexts.length + keyTexts.length;
  if (given === 0 && tenants === undefined && !hasLookups) {
    const message =
      'a TURN server without credentials would relay for everybody: give `users`, ' +
      '`authSecrets`, `oauthKeys` or `authenticate`';
    throw new TurnpikeError('ERR_TURNPIKE_CONFIG', message);
  }
  const users = StaticUsers.parse({ given: named('users', userTexts) });
  const secrets = RestSecrets.parse({ given: named('authSecrets', secretTexts) });
  const keys = OauthKeys.parse({ given: named('oauthKeys', keyTexts) });
  // An empty source would change what challenges offer.
  const all = [
    ...(userTexts.length > 0 ? [users] : []),
    // Before the shared secrets, which claim every username that begins with an expiry.
    ...(tenants === undefined ? [] : [tenants]),
    ...(secretTexts.length > 0 ? [secrets] : []),
  ];
  const texts = { users: userTexts, authSecrets: secretTexts, oauthKeys: keyTexts };
  return { texts, users, all, keys };
}

function named(name: string, texts: readonly string[]) {
  return texts.map((text, index) => ({ source: `\`${name}[${index}]\``, text }));
}
