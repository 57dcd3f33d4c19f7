import { RestSecrets } from '../auth/rest-secrets.js';
import { StaticUsers } from '../auth/static-users.js';
import type { CredentialSource } from '../auth/turn-principal.js';
import { TurnVerifier } from '../auth/turn-verifier.js';
import { TurnpikeError } from '../errors.js';

/** Texts of the users and of the shared secrets, as in `TurnServerOptions`. */
export interface CredentialTexts {
  readonly users: readonly string[];
  readonly authSecrets: readonly string[];
}

/** Users besides those that the texts make. */
export interface OtherUsers {
  /** The users of a cluster's tenants, where they count. */
  readonly tenants?: CredentialSource | undefined;
  /** Whether further users are looked up. */
  readonly hasLookups?: boolean | undefined;
}

/** The sources of credentials that the texts make. */
interface Sources {
  readonly texts: CredentialTexts;
  readonly users: StaticUsers;
  readonly all: readonly CredentialSource[];
}

/**
 * The credentials of a TURN server: its users, the tenants' users, its shared secrets. Users and
 * secrets can be replaced.
 */
export class Credentials {
  readonly verifier: TurnVerifier;
  readonly #others: OtherUsers;
  #sources: Sources;

  /**
   * @param others - the users beside the texts; they stay
   * @throws TurnpikeError ERR_TURNPIKE_CONFIG without any user, secret, tenants and look-up, or for
   *   the realm; ERR_TURNPIKE_SECRET as `StaticUsers.parse` and `RestSecrets.parse`
   */
  constructor(realm: string, texts: CredentialTexts, others: OtherUsers = {}) {
    this.#others = others;
    this.#sources = sourcesOf(texts, others);
    const { hasLookups = false } = others;
    this.verifier = new TurnVerifier({ realm, sources: this.#sources.all, hasLookups });
  }

  /** Names of the users that cannot use SHA-256. */
  get md5Only(): readonly string[] {
    return this.#sources.users.md5Only;
  }

  /**
   * Checks credentials, and returns what takes them in place of those before; what is left out
   * stays. Throws as the constructor.
   */
  prepare(change: Partial<CredentialTexts>): () => void {
    const sources = sourcesOf({ ...this.#sources.texts, ...change }, this.#others);
    return () => {
      this.#sources = sources;
      this.verifier.replace(sources.all);
    };
  }
}

function sourcesOf(
  { users: userTexts, authSecrets: secretTexts }: CredentialTexts,
  { tenants, hasLookups = false }: OtherUsers,
): Sources {
  if (userTexts.length + secretTexts.length === 0 && tenants === undefined && !hasLookups) {
    const message =
      'a TURN server without credentials would relay for everybody: give `users`, ' +
      '`authSecrets` or `authenticate`';
    throw new TurnpikeError('ERR_TURNPIKE_CONFIG', message);
  }
  const users = StaticUsers.parse({ given: named('users', userTexts) });
  const secrets = RestSecrets.parse({ given: named('authSecrets', secretTexts) });
  // An empty source would change what challenges offer.
  const all = [
    ...(userTexts.length > 0 ? [users] : []),
    // Before the shared secrets, which claim every username that begins with an expiry.
    ...(tenants === undefined ? [] : [tenants]),
    ...(secretTexts.length > 0 ? [secrets] : []),
  ];
  return { texts: { users: userTexts, authSecrets: secretTexts }, users, all };
}

function named(name: string, texts: readonly string[]) {
  return texts.map((text, index) => ({ source: `\`${name}[${index}]\``, text }));
}
