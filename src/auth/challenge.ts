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
 * sent to any address. The longest challenge of the overlay's realm has as many.
 */
export const CHALLENGE_TOKEN_BYTES = 124;

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
 * PASSWORD-ALGORITHMS, 400 carries none of them (RFC 8489 section 9.2.4). 401 has the server's name
 * too where access tokens are taken (RFC 7635 section 6.1).
 * @param request - the request to answer
 * @returns the message
 */
export function buildChallenge(request: StunMessage, options: ChallengeOptions): Uint8Array {
  const { code, realm, nonce, fingerprint } = options;
  const writer = new MessageWriter('error', request.method, request.transactionId);
  writer.errorCode(code);
  if (code !== ErrorCode.BadRequest) {
    writer.text(AttributeType.Realm, realm.name).text(AttributeType.Nonce, nonce);
    writer.passwordAlgorithms(
      realm.passwordAlgorithms.map((name) => PasswordAlgorithmNumber[name]),
    );
  }
  const { thirdParty } = realm;
  if (code === ErrorCode.Unauthenticated && thirdParty !== undefined) {
    writer.text(AttributeType.ThirdPartyAuthorization, thirdParty);
  }
  if (fingerprint) writer.fingerprint();
  return writer.finish();
}

/** Returns the length of a challenge in bytes, so that it can be paid for before it is built. */
export function challengeBytes(options: Omit<ChallengeOptions, 'nonce'>): number {
  const { code, realm, fingerprint } = options;
  const attribute = (bytes: number) => ATTRIBUTE_HEADER_BYTES + padded(bytes);
  let bytes = HEADER_BYTES + attribute(4 + Buffer.byteLength(reasonPhrase(code)));
  if (code !== ErrorCode.BadRequest) {
    bytes += attribute(Buffer.byteLength(realm.name)) + attribute(NONCE_CHARACTERS);
    bytes += attribute(4 * realm.passwordAlgorithms.length);
  }
  const { thirdParty } = realm;
  if (code === ErrorCode.Unauthenticated && thirdParty !== undefined) {
    bytes += attribute(Buffer.byteLength(thirdParty));
  }
  return fingerprint ? bytes + FINGERPRINT_BYTES : bytes;
}
