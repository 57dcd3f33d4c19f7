import { AttributeType, PasswordAlgorithmNumber } from '../stun/attribute-types.js';
import { padded } from '../stun/bytes.js';
import { ErrorCode, reasonPhrase } from '../stun/error-codes.js';
import { FINGERPRINT_BYTES } from '../stun/fingerprint.js';
import { HEADER_BYTES, type StunMessage } from '../stun/message.js';
import { MessageWriter } from '../stun/writer.js';
import type { Challenge } from './long-term.js';
import { NONCE_CHARACTERS } from './nonce.js';
import type { Realm } from './realm.js';

/**
 * Bytes of a challenge that one token of its source's budget pays for: a forged source can have it
 * sent to any address. A challenge that would be longer has no reason phrase.
 */
export const CHALLENGE_TOKEN_BYTES = 120;

const ATTRIBUTE_HEADER_BYTES = 4;

/** The content of a challenge. */
export interface ChallengeOptions {
  readonly code: Challenge['code'];
  readonly realm: Realm;
  /** A fresh nonce for the request's source. */
  readonly nonce: string;
  /** Whether to add FINGERPRINT, as the request has. */
  readonly fingerprint: boolean;
}

/**
 * Builds the response to an unauthenticated request: 401 and 438 carry REALM, NONCE and
 * PASSWORD-ALGORITHMS, 400 carries none of them (RFC 8489 section 9.2.4). The reason phrase is left
 * out of a challenge that would be longer than CHALLENGE_TOKEN_BYTES.
 * @param request - the request to answer
 * @returns the message
 */
export function buildChallenge(request: StunMessage, options: ChallengeOptions): Uint8Array {
  return write(request, options, reasonThatFits(options));
}

/** Returns the length of a challenge in bytes, so that it can be paid for before it is built. */
export function challengeBytes(options: Omit<ChallengeOptions, 'nonce'>): number {
  return bytesWith(options, reasonThatFits(options));
}

function reasonThatFits(options: Omit<ChallengeOptions, 'nonce'>): string {
  const reason = reasonPhrase(options.code);
  return bytesWith(options, reason) <= CHALLENGE_TOKEN_BYTES ? reason : '';
}

function bytesWith(options: Omit<ChallengeOptions, 'nonce'>, reason: string): number {
  const { code, realm, fingerprint } = options;
  const attribute = (bytes: number) => ATTRIBUTE_HEADER_BYTES + padded(bytes);
  let bytes = HEADER_BYTES + attribute(4 + Buffer.byteLength(reason));
  if (code !== ErrorCode.BadRequest) {
    bytes += attribute(Buffer.byteLength(realm.name)) + attribute(NONCE_CHARACTERS);
    bytes += attribute(4 * realm.passwordAlgorithms.length);
  }
  return fingerprint ? bytes + FINGERPRINT_BYTES : bytes;
}

function write(request: StunMessage, options: ChallengeOptions, reason: string): Uint8Array {
  const { code, realm, nonce, fingerprint } = options;
  const writer = new MessageWriter('error', request.method, request.transactionId);
  writer.errorCode(code, reason);
  if (code !== ErrorCode.BadRequest) {
    writer.text(AttributeType.Realm, realm.name).text(AttributeType.Nonce, nonce);
    writer.passwordAlgorithms(
      realm.passwordAlgorithms.map((name) => PasswordAlgorithmNumber[name]),
    );
  }
  if (fingerprint) writer.fingerprint();
  return writer.finish();
}
