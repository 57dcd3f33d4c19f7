import {
  AttributeType,
  NONCE_CHARACTERS_MAX,
  type PasswordAlgorithm,
  PasswordAlgorithmNumber,
  passwordAlgorithmOf,
  REALM_CHARACTERS_MAX,
} from '../stun/attribute-types.js';
import { ErrorCode, type ErrorCodeOf } from '../stun/error-codes.js';
import {
  type IntegrityKind,
  integrityKind,
  longTermKey,
  userHash,
  verifyIntegrity,
} from '../stun/integrity.js';
import type { StunMessage } from '../stun/message.js';
import type { MessageWriter } from '../stun/writer.js';
import { securityFeatures } from './nonce.js';

/**
 * Integrity that a client uses. `sha256`: SHA-256 only. `sha1`: MD5 and MESSAGE-INTEGRITY, as a
 * client of RFC 5389. `auto`: the first known algorithm of the server's list with
 * MESSAGE-INTEGRITY-SHA256 (RFC 8489 section 9.2.5), or as `sha1` without a list.
 */
export type IntegrityPreference = IntegrityKind | 'auto';

/**
 * Maximum retries of one request: for the first challenge, for a nonce older than the leg's newest
 * one, and for one that expires meanwhile.
 */
const RETRIES_MAX = 3;

/** How one request was signed; kept with the transaction for `check`. */
export interface Signature {
  /** Undefined if the request was unsigned, before the first challenge. */
  readonly proof:
    | { readonly kind: IntegrityKind; readonly key: Uint8Array; readonly realm: string }
    | undefined;
  /** Number of earlier attempts that were challenged. */
  readonly retries: number;
  /** Set by `check` after a challenge: a transaction accepts one. */
  challenged: boolean;
}

/** What to do after a response. */
export type AnswerVerdict =
  /** A genuine success or error response: the transaction ends. */
  | { readonly type: 'authentic' }
  /** A challenge: sign and send the request again, as a new transaction. */
  | { readonly type: 'retry'; readonly code: ErrorCodeOf<'Unauthenticated' | 'StaleNonce'> }
  /** The server rejects the credential or the request: the transaction ends. */
  | {
      readonly type: 'rejected';
      readonly code: number;
      readonly why: 'error' | 'wrong-credentials' | 'algorithm-not-offered' | 'challenged-again';
    }
  /** Discard the response; retransmissions continue (RFC 8489 section 9.2.5). */
  | {
      readonly type: 'ignored';
      readonly why: 'integrity' | 'bid-down' | 'malformed-challenge' | 'already-challenged';
    };

/** The content of a server's newest challenge. */
interface ServerChallenge {
  readonly realm: string;
  readonly nonce: string;
  readonly anonymous: boolean;
  /** PASSWORD-ALGORITHMS as received, to be returned byte for byte. */
  readonly algorithmList: Uint8Array | undefined;
  readonly algorithm: PasswordAlgorithm;
  readonly kind: IntegrityKind;
}

const IGNORED_INTEGRITY: AnswerVerdict = { type: 'ignored', why: 'integrity' };

/**
 * The client's side of the long-term credential mechanism (RFC 8489 sections 9.2.3 and 9.2.5) with
 * one server: signs requests after a challenge, checks responses, and renews the nonce.
 */
export class ClientAuthenticator {
  readonly username: string;
  readonly #password: string;
  readonly #preference: IntegrityPreference;
  #challenge: ServerChallenge | undefined;
  #key: { readonly name: string; readonly bytes: Uint8Array } | undefined;

  constructor(options: {
    readonly username: string;
    readonly password: string;
    readonly integrity?: IntegrityPreference;
  }) {
    this.username = options.username;
    this.#password = options.password;
    this.#preference = options.integrity ?? 'auto';
  }

  /**
   * Appends the authentication attributes to a request; none before the first challenge. Only
   * FINGERPRINT may follow.
   * @param after - the signature of the attempt whose response was `retry`
   * @returns the signature, for `check`
   */
  sign(writer: MessageWriter, after?: Signature): Signature {
    const retries = after === undefined ? 0 : after.retries + 1;
    const challenge = this.#challenge;
    if (challenge === undefined) return { proof: undefined, retries, challenged: false };
    const { realm, nonce, algorithmList, algorithm, kind } = challenge;
    if (challenge.anonymous) writer.bytes(AttributeType.UserHash, userHash(this.username, realm));
    else writer.text(AttributeType.Username, this.username);
    writer.text(AttributeType.Realm, realm).text(AttributeType.Nonce, nonce);
    if (algorithmList !== undefined) {
      writer.bytes(AttributeType.PasswordAlgorithms, algorithmList);
      writer.passwordAlgorithm(PasswordAlgorithmNumber[algorithm]);
    }
    const key = this.#keyOf(algorithm, realm);
    writer.integrity(kind, key);
    return { proof: { kind, key, realm }, retries, challenged: false };
  }

  /**
   * Checks a response whose transaction id matched.
   * @param answer - class success or error
   * @param signature - as `sign` returned it for the request
   */
  check(answer: StunMessage, signature: Signature): AnswerVerdict {
    const code = answer.messageClass === 'error' ? answer.errorCode()?.code : undefined;
    const isChallenge = code === ErrorCode.Unauthenticated || code === ErrorCode.StaleNonce;
    const stripped = algorithmsStripped(answer);
    if (stripped) return { type: 'ignored', why: 'bid-down' };
    const { proof } = signature;
    if (integrityKind(answer) !== undefined) {
      if (proof === undefined || !isAuthentic(answer, signature)) return IGNORED_INTEGRITY;
      if (!isChallenge) return { type: 'authentic' };
    }
    if (isChallenge) return this.#take(answer, code, signature);
    // Before a challenge no response has integrity; an error response ends the transaction.
    if (proof === undefined && code !== undefined) return { type: 'rejected', code, why: 'error' };
    return IGNORED_INTEGRITY;
  }

  /** Takes a 401 or 438, unless the transaction has already been challenged. */
  #take(
    answer: StunMessage,
    code: ErrorCodeOf<'Unauthenticated' | 'StaleNonce'>,
    signature: Signature,
  ): AnswerVerdict {
    if (signature.challenged) return { type: 'ignored', why: 'already-challenged' };
    const challenge = readChallenge(answer, this.#preference);
    if (challenge === undefined) return { type: 'ignored', why: 'malformed-challenge' };
    if (challenge === 'algorithm-not-offered') return { type: 'rejected', code, why: challenge };
    signature.challenged = true;
    if (code === ErrorCode.Unauthenticated && signature.proof?.realm === challenge.realm) {
      // RFC 8489 section 9.2.5: the same credential would fail again, so do not retry.
      return { type: 'rejected', code, why: 'wrong-credentials' };
    }
    this.#challenge = challenge;
    return signature.retries < RETRIES_MAX
      ? { type: 'retry', code }
      : { type: 'rejected', code, why: 'challenged-again' };
  }

  #keyOf(algorithm: PasswordAlgorithm, realm: string): Uint8Array {
    const name = `${algorithm} ${realm}`;
    if (this.#key?.name !== name) {
      this.#key = { name, bytes: longTermKey(algorithm, this.username, realm, this.#password) };
    }
    return this.#key.bytes;
  }
}

/**
 * Returns whether a message of the server, such as an indication, has integrity of the kind and key
 * of a signed request.
 */
export function isAuthentic(message: StunMessage, signature: Signature): boolean {
  const { proof } = signature;
  return (
    proof !== undefined &&
    integrityKind(message) === proof.kind &&
    verifyIntegrity(message, proof.kind, proof.key)
  );
}

/**
 * Returns whether a nonce announces password algorithms but the list is missing: a bid-down attack.
 */
function algorithmsStripped(answer: StunMessage): boolean {
  const nonce = answer.text(AttributeType.Nonce);
  return (
    nonce !== undefined &&
    securityFeatures(nonce).passwordAlgorithms &&
    !answer.has(AttributeType.PasswordAlgorithms)
  );
}

function readChallenge(
  answer: StunMessage,
  preference: IntegrityPreference,
): ServerChallenge | 'algorithm-not-offered' | undefined {
  const realm = answer.text(AttributeType.Realm);
  const nonce = answer.text(AttributeType.Nonce);
  if (realm === undefined || realm.length > REALM_CHARACTERS_MAX) return undefined;
  if (nonce === undefined || nonce.length > NONCE_CHARACTERS_MAX) return undefined;
  const hasList = answer.has(AttributeType.PasswordAlgorithms);
  const offered = answer.passwordAlgorithms() ?? [];
  const known = offered.map(passwordAlgorithmOf).filter((algorithm) => algorithm !== undefined);
  const anonymous = securityFeatures(nonce).usernameAnonymity;
  if (preference === 'sha1' || (preference === 'auto' && !hasList)) {
    return { realm, nonce, anonymous, algorithmList: undefined, algorithm: 'md5', kind: 'sha1' };
  }
  const algorithm = preference === 'auto' ? known[0] : known.find((name) => name === 'sha256');
  if (algorithm === undefined) return 'algorithm-not-offered';
  // Copied, because the datagram's buffer is reused; `slice` of a Buffer is a view.
  const algorithmList = new Uint8Array(answer.get(AttributeType.PasswordAlgorithms) ?? []);
  return { realm, nonce, anonymous, algorithmList, algorithm, kind: 'sha256' };
}
