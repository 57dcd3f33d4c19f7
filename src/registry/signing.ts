import { createHmac, timingSafeEqual } from 'node:crypto';
import type { UnixMs } from '../clock.js';

/** The signing headers of a request or a response (docs/registration.md, Signing). */
export const SIGNING_HEADERS = {
  time: 'turnpike-time',
  nonce: 'turnpike-nonce',
  signature: 'turnpike-signature',
} as const;

/** Length of a request's nonce, bytes. */
export const NONCE_BYTES = 16;
const NONCE_PATTERN = /^[0-9a-f]{32}$/;
const TIME_PATTERN = /^\d{1,16}$/;

/** What a request's signature covers. */
export interface SignedRequest {
  /** In upper case. */
  readonly method: string;
  /** Path and query, from `/v1` on. */
  readonly path: string;
  readonly timeMs: UnixMs;
  /** 32 lower-case hex digits. */
  readonly nonce: string;
  readonly body: string | Uint8Array;
}

/** What a response's signature covers, its request included. */
export interface SignedAnswer extends SignedRequest {
  readonly status: number;
}

/**
 * Returns the signature header of a request.
 * @param key - the relay's registration key, 32 bytes
 */
export function signRequest(key: Uint8Array, request: SignedRequest): string {
  const { method, path, timeMs, nonce, body } = request;
  return hmac(key, ['turnpike registration request v1', method, path, timeMs, nonce], body);
}

/**
 * Returns the signature header of a response. Its first line differs from a request's, so that
 * neither passes for the other. It covers the request's nonce, so that an earlier response does not
 * pass.
 * @param key - the relay's registration key, 32 bytes
 */
export function signAnswer(key: Uint8Array, answer: SignedAnswer): string {
  const { method, path, status, timeMs, nonce, body } = answer;
  const lines = ['turnpike registration answer v1', method, path, status, timeMs, nonce];
  return hmac(key, lines, body);
}

/** Compares two signatures in constant time. */
export function sameSignature(expected: string, given: string): boolean {
  const [a, b] = [Buffer.from(expected, 'latin1'), Buffer.from(given, 'latin1')];
  return a.length === b.length && timingSafeEqual(a, b);
}

/** The parsed signing headers. */
export interface Signing {
  readonly timeMs: UnixMs;
  readonly nonce: string;
  readonly signature: string;
}

/**
 * Parses the three signing headers; undefined if one is missing or malformed.
 * @param header - returns a header by its lower-case name; values that are no string count as
 *   missing
 */
export function parseSigning(header: (name: string) => unknown): Signing | undefined {
  const time = header(SIGNING_HEADERS.time);
  const nonce = header(SIGNING_HEADERS.nonce);
  const signature = header(SIGNING_HEADERS.signature);
  if (typeof time !== 'string' || !TIME_PATTERN.test(time)) return undefined;
  if (typeof nonce !== 'string' || !NONCE_PATTERN.test(nonce)) return undefined;
  if (typeof signature !== 'string') return undefined;
  return { timeMs: Number(time), nonce, signature };
}

function hmac(key: Uint8Array, lines: (string | number)[], body: string | Uint8Array): string {
  return createHmac('sha256', key)
    .update(`${lines.join('\n')}\n`)
    .update(body)
    .digest('base64');
}
