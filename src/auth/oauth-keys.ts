import { TurnpikeError } from '../errors.js';
import { USERNAME_BYTES_MAX } from '../stun/attribute-types.js';
import { opaqueString } from '../stun/integrity.js';
import { CONTROL, type CredentialText, credentialLines } from './static-users.js';

/** Maximum keys of access tokens at a time. */
export const OAUTH_KEYS_MAX = 1_024;

/** Allowed difference between the clocks of servers, s (RFC 7635 section 7). */
export const CLOCK_DELTA_SECONDS = 5;

/** Bytes of a key by algorithm: AEAD_AES_256_GCM and AEAD_AES_128_GCM of RFC 5116. */
const KEY_BYTES = { A256GCM: 32, A128GCM: 16 } as const;

/** Algorithm that encrypts a token, by its name in JSON Web Algorithms (RFC 7518 section 5.1). */
type TokenAlgorithm = keyof typeof KEY_BYTES;

/** A key that an authorization server shares with this server (RFC 7635 section 4.1). */
export interface OauthKey {
  /** Its name, which clients send as USERNAME. */
  readonly kid: string;
  /** 32 bytes for A256GCM, 16 for A128GCM. */
  readonly key: Uint8Array;
  readonly algorithm: TokenAlgorithm;
  /** Name of the authorization server; empty for none. */
  readonly issuer: string;
  /** Unix seconds from which it counts no more; infinite for always. */
  readonly untilSeconds: number;
}

const FIELDS: ReadonlySet<string> = new Set([
  'kid',
  'ikm_key',
  'timestamp',
  'lifetime',
  'as_rs_alg',
  'realm',
]);
const BASE64 = /^[A-Za-z0-9+/]+={0,2}$/;
const SECONDS = /^\d{1,15}$/;

/** The keys of access tokens. It never changes: a reload makes others. */
export class OauthKeys {
  readonly #keys: ReadonlyMap<string, OauthKey>;

  private constructor(keys: ReadonlyMap<string, OauthKey>) {
    this.#keys = keys;
  }

  /**
   * Reads keys of the form that coturn's `turnadmin --list-oauth` prints, with fields in any order:
   * `kid=NAME, ikm_key=BASE64, timestamp=SECONDS, lifetime=SECONDS, as_rs_alg=A256GCM`. Further
   * `realm=NAME`, the authorization server. Of a key that is longer than the algorithm's the first
   * bytes count, as in coturn. A lifetime of 0, the default, has no end.
   * @param options.given - one key each
   * @param options.files - one key a line; blank lines, and lines that start with `#`, are ignored
   * @throws TurnpikeError ERR_TURNPIKE_SECRET for another form, a kid that is given twice, or more
   *   than OAUTH_KEYS_MAX; it names the source and the line, and nothing of a key
   */
  static parse(options: {
    readonly given?: readonly CredentialText[];
    readonly files?: readonly CredentialText[];
  }): OauthKeys {
    const { given = [], files = [] } = options;
    const keys = new Map<string, OauthKey>();
    for (const text of [...given, ...files.flatMap(credentialLines)]) {
      const key = keyOf(text);
      if (keys.has(key.kid)) throw fault(text.source, 'the kid is that of another key');
      if (keys.size >= OAUTH_KEYS_MAX) throw fault(text.source, `more than ${OAUTH_KEYS_MAX} keys`);
      keys.set(key.kid, key);
    }
    return new OauthKeys(keys);
  }

  /** Number of keys. */
  get size(): number {
    return this.#keys.size;
  }

  /** Returns the key of a kid, in the form of `opaqueString`; undefined if there is none. */
  find(kid: string): OauthKey | undefined {
    return this.#keys.get(kid);
  }
}

/** Returns whether two keys open the same tokens for the same time. */
export function isSameKey(a: OauthKey, b: OauthKey): boolean {
  return (
    Buffer.compare(a.key, b.key) === 0 &&
    a.algorithm === b.algorithm &&
    a.issuer === b.issuer &&
    a.untilSeconds === b.untilSeconds
  );
}

function keyOf({ source, text }: CredentialText): OauthKey {
  if (CONTROL.test(text)) throw fault(source, 'there is a control character in it');
  const fields = new Map<string, string>();
  for (const field of text.split(/[ ,]+/).filter((each) => each !== '')) {
    const equals = field.indexOf('=');
    const name = field.slice(0, Math.max(equals, 0));
    if (!FIELDS.has(name)) {
      throw fault(source, `expected fields of the form NAME=VALUE: ${[...FIELDS].join(', ')}`);
    }
    if (fields.has(name)) throw fault(source, `${name} is given twice`);
    fields.set(name, field.slice(equals + 1));
  }
  const kid = opaqueString(fields.get('kid') ?? '');
  if (kid === '') throw fault(source, 'there is no kid');
  if (Buffer.byteLength(kid) > USERNAME_BYTES_MAX) {
    throw fault(source, `the kid is longer than ${USERNAME_BYTES_MAX} bytes`);
  }
  const algorithm = fields.get('as_rs_alg') || 'A256GCM';
  if (!isAlgorithm(algorithm)) throw fault(source, 'expected as_rs_alg=A256GCM or A128GCM');
  return {
    kid,
    algorithm,
    key: keyBytes(source, fields.get('ikm_key') ?? '', KEY_BYTES[algorithm]),
    issuer: fields.get('realm') ?? '',
    untilSeconds: endOf(source, fields),
  };
}

function isAlgorithm(name: string): name is TokenAlgorithm {
  return Object.hasOwn(KEY_BYTES, name);
}

function keyBytes(source: string, base64: string, length: number): Uint8Array {
  if (!BASE64.test(base64)) throw fault(source, 'expected the key as ikm_key=BASE64');
  const bytes = Buffer.from(base64, 'base64');
  if (bytes.length < length) throw fault(source, `the key is shorter than ${length} bytes`);
  return Uint8Array.from(bytes.subarray(0, length));
}

function endOf(source: string, fields: ReadonlyMap<string, string>): number {
  const seconds = (name: string) => {
    const text = fields.get(name) || '0';
    if (!SECONDS.test(text)) throw fault(source, `expected ${name} in whole seconds`);
    return Number(text);
  };
  const [timestamp, lifetime] = [seconds('timestamp'), seconds('lifetime')];
  if (lifetime === 0) return Number.POSITIVE_INFINITY;
  return timestamp + lifetime + CLOCK_DELTA_SECONDS;
}

function fault(source: string, why: string): TurnpikeError {
  return new TurnpikeError('ERR_TURNPIKE_SECRET', `${source}: ${why}`);
}
