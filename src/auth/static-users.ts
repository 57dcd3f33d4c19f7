import { TurnpikeError } from '../errors.js';
import { USERNAME_BYTES_MAX } from '../stun/attribute-types.js';
import { opaqueString } from '../stun/integrity.js';
import type { CredentialSource, TurnCredential, TurnSecret } from './turn-principal.js';

/** Maximum users that are given beforehand. */
export const STATIC_USERS_MAX = 65_536;

/** `NAME:0xKEY` and a line end: the longest line of a user with a key. */
const KEY_LINE_BYTES = USERNAME_BYTES_MAX + ':0x'.length + 32 + '\r\n'.length;

/**
 * Maximum length of a file with users: STATIC_USERS_MAX lines, each with the longest name and a
 * key. Shorter ones leave room for comments and long passwords.
 */
export const USERS_FILE_BYTES_MAX = STATIC_USERS_MAX * KEY_LINE_BYTES;

/** Text of a credential and where it is, for messages. */
export interface CredentialText {
  /** What gives it, such as `--user` or `--users-file /etc/users`. */
  readonly source: string;
  readonly text: string;
}

const MD5_KEY = /^0x([0-9a-fA-F]{32})$/;
/** Characters that no name and no password has: control characters and separators of lines. */
export const CONTROL = /[\p{Cc}\p{Cs}\p{Zl}\p{Zp}]/u;

/** Users with passwords that do not expire (RFC 8489 section 9.2). */
export class StaticUsers implements CredentialSource {
  readonly #users: ReadonlyMap<string, TurnCredential>;

  private constructor(users: ReadonlyMap<string, TurnCredential>) {
    this.#users = users;
  }

  /**
   * Reads users of the form `name:password`, or `name:0x…` with an MD5 key in 32 hex digits, as
   * coturn stores it: MD5 of `name:realm:password`. The name ends at the first colon. A password
   * that starts with `0x` cannot be given, which coturn has no form for either.
   * @param options.given - one user each
   * @param options.files - one user a line; blank lines, and lines that start with `#`, are ignored
   * @throws TurnpikeError ERR_TURNPIKE_SECRET for another form, a name that is given twice, or more
   *   than STATIC_USERS_MAX users; it names the source and the line, and nothing of a password
   */
  static parse(options: {
    readonly given?: readonly CredentialText[];
    readonly files?: readonly CredentialText[];
  }): StaticUsers {
    const { given = [], files = [] } = options;
    const entries = [...given, ...files.flatMap(credentialLines)];
    const users = new Map<string, TurnCredential>();
    const places = new Map<string, string>();
    for (const { source, text } of entries) {
      const credential = userOf(source, text);
      const { username } = credential.principal;
      const earlier = places.get(username);
      if (earlier !== undefined) throw fault(source, `${earlier} has a user of the same name`);
      if (users.size >= STATIC_USERS_MAX)
        throw fault(source, `more than ${STATIC_USERS_MAX} users`);
      users.set(username, credential);
      places.set(username, source);
    }
    return new StaticUsers(users);
  }

  /** The names of all users. */
  get usernames(): readonly string[] {
    return [...this.#users.keys()];
  }

  /** The names of the users that have only an MD5 key, and so cannot use SHA-256. */
  get md5Only(): readonly string[] {
    const only = ({ secrets }: TurnCredential) => secrets.every((secret) => 'md5Key' in secret);
    return [...this.#users].filter(([, user]) => only(user)).map(([name]) => name);
  }

  /** Looks a username up, as `CredentialSource.find`. */
  find(username: string): TurnCredential | undefined {
    return this.#users.get(username);
  }
}

/**
 * Returns the lines of a file with credentials, each with its number as its source; without blank
 * lines and comments, which start with `#`.
 */
export function credentialLines({ source, text }: CredentialText): CredentialText[] {
  return text
    .split('\n')
    .map((line, index) => ({
      source: `${source} line ${index + 1}`,
      text: line.replace(/\r$/, ''),
    }))
    .filter((line) => line.text.trim() !== '' && !/^\s*#/.test(line.text));
}

function userOf(source: string, text: string): TurnCredential {
  const colon = text.indexOf(':');
  if (colon < 0) throw fault(source, 'expected NAME:PASSWORD, and there is no colon');
  const given = text.slice(0, colon);
  const password = text.slice(colon + 1);
  if (given.trim() !== given) throw fault(source, 'there is white space around the name');
  if (given === '') throw fault(source, 'the name is empty');
  if (password === '') throw fault(source, 'the password is empty');
  if (CONTROL.test(text)) throw fault(source, 'there is a control character in it');
  const username = opaqueString(given);
  if (Buffer.byteLength(username) > USERNAME_BYTES_MAX) {
    throw fault(source, `the name is longer than ${USERNAME_BYTES_MAX} bytes`);
  }
  return { principal: { username, user: username }, secrets: [secretOf(source, password)] };
}

function secretOf(source: string, password: string): TurnSecret {
  if (!password.startsWith('0x')) return { password: () => password };
  const [, hex] = MD5_KEY.exec(password) ?? [];
  if (hex === undefined) {
    throw fault(source, 'what starts with 0x is an MD5 key, and that has 32 hex digits');
  }
  return { md5Key: new Uint8Array(Buffer.from(hex, 'hex')) };
}

function fault(source: string, why: string): TurnpikeError {
  return new TurnpikeError('ERR_TURNPIKE_SECRET', `${source}: ${why}`);
}
