import { TurnpikeError } from '../errors.js';
import { AttributeType } from '../stun/attribute-types.js';
import { padded } from '../stun/bytes.js';
import { ErrorCode, reasonPhrase } from '../stun/error-codes.js';
import { FINGERPRINT_BYTES } from '../stun/fingerprint.js';
import { HEADER_BYTES, type StunMessage } from '../stun/message.js';
import { MessageWriter } from '../stun/writer.js';
import { type Challenge, PASSWORD_ALGORITHMS } from './long-term.js';
import { NONCE_CHARACTERS } from './nonce.js';

/** Maximum length of a challenge: a forged source can have it sent to any address. */
export const CHALLENGE_BYTES_MAX = 120;

/** Maximum length of a realm in UTF-8; a longer one could exceed CHALLENGE_BYTES_MAX. */
export const REALM_BYTES_MAX = 20;

const ATTRIBUTE_HEADER_BYTES = 4;

/** The content of a challenge. */
export interface ChallengeOptions {
  readonly code: Challenge['code'];
  readonly realm: string;
  /** A fresh nonce for the request's source. */
  readonly nonce: string;
  /** Whether to add FINGERPRINT, as the request has. */
  readonly fingerprint: boolean;
}

/**
 * Builds the response to an unauthenticated request: 401 and 438 carry REALM, NONCE and
 * PASSWORD-ALGORITHMS, 400 carries none of them (RFC 8489 section 9.2.4). It has at most
 * CHALLENGE_BYTES_MAX bytes, because a forged source can have it sent to any address. The reason
 * phrase is left out if it does not fit.
 * @param request - the request to answer
 * @returns the message
 * @throws TurnpikeError ERR_TURNPIKE_CONFIG for a realm longer than REALM_BYTES_MAX
 */
export function buildChallenge(request: StunMessage, options: ChallengeOptions): Uint8Array {
  return write(request, options, reasonThatFits(options));
}

/**
 * Returns the length of a challenge in bytes, so that it can be paid for before it is built.
 * @throws TurnpikeError ERR_TURNPIKE_CONFIG as `buildChallenge`
 */
export function challengeBytes(options: Omit<ChallengeOptions, 'nonce'>): number {
  return bytesWith(options, reasonThatFits(options));
}

function reasonThatFits(options: Omit<ChallengeOptions, 'nonce'>): string {
  for (const reason of [reasonPhrase(options.code), '']) {
    if (bytesWith(options, reason) <= CHALLENGE_BYTES_MAX) return reason;
  }
  throw new TurnpikeError(
    'ERR_TURNPIKE_CONFIG',
    `a realm has at most ${REALM_BYTES_MAX} bytes: ${JSON.stringify(options.realm)}`,
  );
}

function bytesWith(options: Omit<ChallengeOptions, 'nonce'>, reason: string): number {
  const { code, realm, fingerprint } = options;
  const attribute = (bytes: number) => ATTRIBUTE_HEADER_BYTES + padded(bytes);
  let bytes = HEADER_BYTES + attribute(4 + Buffer.byteLength(reason));
  if (code !== ErrorCode.BadRequest) {
    bytes += attribute(Buffer.byteLength(realm)) + attribute(NONCE_CHARACTERS);
    bytes += attribute(4 * PASSWORD_ALGORITHMS.length);
  }
  return fingerprint ? bytes + FINGERPRINT_BYTES : bytes;
}

function write(request: StunMessage, options: ChallengeOptions, reason: string): Uint8Array {
  const { code, realm, nonce, fingerprint } = options;
  const writer = new MessageWriter('error', request.method, request.transactionId);
  writer.errorCode(code, reason);
  if (code !== ErrorCode.BadRequest) {
    writer.text(AttributeType.Realm, realm).text(AttributeType.Nonce, nonce);
    writer.passwordAlgorithms(PASSWORD_ALGORITHMS);
  }
  if (fingerprint) writer.fingerprint();
  return writer.finish();
}
