import { TurnpikeError } from '../errors.js';
import { USERNAME_BYTES_MAX } from '../stun/attribute-types.js';
import { hmac } from '../stun/hmac.js';
import { CONTROL, type CredentialText, credentialLines } from './static-users.js';
import type { CredentialSource, TurnCredential } from './turn-principal.js';

/** Maximum shared secrets at a time; each costs a wrong credential one key and one HMAC more. */
export const REST_SECRETS_MAX = 8;

const USERNAME = /^(\d{1,15})(?::(.*))?$/s;

/**
 * Time-limited credentials that whoever has the shared secret mints
 * (draft-uberti-behave-turn-rest): the username is `expiry:user` or `expiry` alone, in Unix
 * seconds, and the password the base64 of HMAC-SHA-1 over it. Any of several secrets may have
 * minted one, so that they can be exchanged while credentials are out. Expiry is judged by the
 * usage.
 */
export class RestSecrets implements CredentialSource {
  readonly usernames = undefined;
  readonly #secrets: readonly Uint8Array[];

  private constructor(secrets: readonly Uint8Array[]) {
    this.#secrets = secrets;
  }

  /**
   * Reads shared secrets: any text of one line, used byte for byte, as coturn does.
   * @param options.given - one secret each
   * @param options.files - one secret a line, that in use first; blank lines, and lines that start
   *   with `#`, are ignored
   * @throws TurnpikeError ERR_TURNPIKE_SECRET for an empty or repeated secret, one with control
   *   characters or white space around it, or more than REST_SECRETS_MAX; it names the source and
   *   the line, and nothing of a secret
   */
  static parse(options: {
    readonly given?: readonly CredentialText[];
    readonly files?: readonly CredentialText[];
  }): RestSecrets {
    const { given = [], files = [] } = options;
    const places = new Map<string, string>();
    for (const { source, text } of [...given, ...files.flatMap(credentialLines)]) {
      if (text === '') throw fault(source, 'the secret is empty');
      if (text.trim() !== text) throw fault(source, 'there is white space around the secret');
      if (CONTROL.test(text)) throw fault(source, 'there is a control character in the secret');
      const earlier = places.get(text);
      if (earlier !== undefined) throw fault(source, `the secret is that of ${earlier}`);
      if (places.size >= REST_SECRETS_MAX) throw fault(source, `more than ${REST_SECRETS_MAX}`);
      places.set(text, source);
    }
    return new RestSecrets([...places.keys()].map((text) => Buffer.from(text, 'utf8')));
  }

  /**
   * Mints a credential by the secret in use.
   * @param user - counted in quotas and shown in the log
   * @param expiresAtSeconds - of Unix time; a whole number
   * @returns username and password; undefined if there is no secret
   * @throws TurnpikeError ERR_TURNPIKE_CONFIG for a user that is empty, has control characters, or
   *   makes a username of more than USERNAME_BYTES_MAX bytes
   */
  mint(
    user: string,
    expiresAtSeconds: number,
  ): { readonly username: string; readonly password: string } | undefined {
    const [secret] = this.#secrets;
    if (secret === undefined) return undefined;
    const username = `${expiresAtSeconds}:${user}`;
    if (user === '' || CONTROL.test(user) || Buffer.byteLength(username) > USERNAME_BYTES_MAX) {
      const message =
        `${JSON.stringify(user)} is no user: expected text of one line, with which the username ` +
        `${expiresAtSeconds}:USER has at most ${USERNAME_BYTES_MAX} bytes`;
      throw new TurnpikeError('ERR_TURNPIKE_CONFIG', message);
    }
    return { username, password: restPassword(secret, username) };
  }

  /** Looks a username up, as `CredentialSource.find`. */
  find(username: string): TurnCredential | undefined {
    const [, expiry, user] = USERNAME.exec(username) ?? [];
    if (expiry === undefined || this.#secrets.length === 0) return undefined;
    return {
      principal: { username, user: user || username, expiresAtSeconds: Number(expiry) },
      secrets: this.#secrets.map((secret) => ({ password: () => restPassword(secret, username) })),
    };
  }
}

function restPassword(secret: Uint8Array, username: string): string {
  return hmac('sha1', secret, Buffer.from(username, 'utf8'), 'base64');
}

function fault(source: string, why: string): TurnpikeError {
  return new TurnpikeError('ERR_TURNPIKE_SECRET', `${source}: ${why}`);
}
