import { createHash } from 'node:crypto';
import { Agent as HttpAgent, type RequestOptions } from 'node:http';
import { Agent as HttpsAgent } from 'node:https';
import type { Clock } from '../clock.js';
import { connectAdvice } from '../errno-advice.js';
import { TurnpikeError } from '../errors.js';
import { readBody, sendRequest } from '../http/client-request.js';
import type { RandomBytes } from '../random.js';
import {
  NONCE_BYTES,
  parseSigning,
  SIGNING_HEADERS,
  sameSignature,
  signAnswer,
  signRequest,
} from '../registry/signing.js';

/** A relay's request to the directory is given up after this long. */
export const DIRECTORY_REQUEST_MS = 5_000;
/** First wait of a relay before it tries an unreachable directory again. */
export const DIRECTORY_BACKOFF_MS_MIN = 500;
/** Longest wait of a relay before it tries an unreachable directory again. */
export const DIRECTORY_BACKOFF_MS_MAX = 5_000;
/** A relay's connection to the directory is made anew after this long. */
export const DIRECTORY_CONNECTION_MS = 60_000;
/** Largest answer of a directory that a relay reads. */
export const REGISTRY_BYTES_MAX = 16_777_216;

/** What a directory answered and signed, or why there is no such answer. */
export type SignedAnswerResult =
  | { readonly ok: true; readonly status: number; readonly body: unknown }
  | {
      readonly ok: false;
      readonly reason: string;
      /** What an unsigned 401 calls its problem: for the log only, it is not believed. */
      readonly refusal?: string;
    };

/**
 * What the log says of a directory that cannot prove itself because it does not know this relay,
 * by the code of its 401: it is there, and somebody must do something.
 */
export const REFUSALS: ReadonlyMap<string, string> = new Map([
  [
    'wrong-signature',
    "refuses this relay's signature: check the relay secret or cluster secret, and the relay's id",
  ],
  ['clock-skew', "refuses the time in this relay's requests: check the clocks of both"],
]);

/** One request to a directory. */
export interface DirectoryRequest {
  readonly method: 'GET' | 'PUT' | 'POST' | 'DELETE';
  /** Path and query, from `/v1` on. */
  readonly path: string;
  readonly body?: unknown;
  readonly timeoutMs: number;
  /** The answer's SHA-256 in hex, where a signed answer has told it: it comes without signature. */
  readonly digest?: string;
}

/** What requests are made from. */
export interface SignedRequestsOptions {
  readonly directoryUrl: string;
  readonly registrationKey: Uint8Array;
  readonly clock: Clock;
  readonly random: RandomBytes;
}

/**
 * Sends signed requests to a directory and believes only signed answers to them
 * (docs/registration.md, Signing). Nothing a network does makes it throw: whatever is not a
 * genuine answer is none.
 */
export class SignedRequests {
  readonly #options: SignedRequestsOptions;
  /** Without a slash at the end, and with the protocol in lower case. */
  readonly #base: string;
  #agent: HttpAgent;
  #agentSinceMs: number;
  /** Those of the requests under way. */
  readonly #controllers = new Set<AbortController>();

  /** @throws TurnpikeError ERR_TURNPIKE_CONFIG when `directoryUrl` is no HTTP URL */
  constructor(options: SignedRequestsOptions) {
    const url = URL.canParse(options.directoryUrl) ? new URL(options.directoryUrl) : undefined;
    if (url?.protocol !== 'http:' && url?.protocol !== 'https:') {
      const message = `not the URL of a directory: ${JSON.stringify(options.directoryUrl)}`;
      throw new TurnpikeError('ERR_TURNPIKE_CONFIG', message);
    }
    this.#options = options;
    this.#base = `${url.origin}${url.pathname}`.replace(/\/+$/, '');
    this.#agent = this.#newAgent();
    this.#agentSinceMs = options.clock.monotonic();
  }

  #newAgent(): HttpAgent {
    const keepAlive = { keepAlive: true, maxSockets: 1 };
    return this.#base.startsWith('https:') ? new HttpsAgent(keepAlive) : new HttpAgent(keepAlive);
  }

  /**
   * Ends a connection that has lasted long, so that the directory's name is resolved anew: a name
   * that was given another address while the old one still answers would never be followed.
   */
  #lookAgain(): void {
    const now = this.#options.clock.monotonic();
    if (now - this.#agentSinceMs < DIRECTORY_CONNECTION_MS) return;
    if (this.#controllers.size > 0) return;
    this.#agent.destroy();
    this.#agent = this.#newAgent();
    this.#agentSinceMs = now;
  }

  /** Gives up the requests under way. */
  abort(): void {
    for (const controller of this.#controllers) controller.abort();
  }

  /** Gives up the requests under way and ends idle connections; `send` still works. */
  close(): void {
    this.abort();
    this.#agent.destroy();
  }

  /** Sends one request and waits for its answer, at most `timeoutMs`. */
  async send(request: DirectoryRequest): Promise<SignedAnswerResult> {
    this.#lookAgain();
    const controller = new AbortController();
    let late = false;
    const timer = setTimeout(() => {
      late = true;
      controller.abort();
    }, request.timeoutMs);
    this.#controllers.add(controller);
    try {
      return await this.#exchange(request, controller.signal);
    } catch (error) {
      return {
        ok: false,
        reason: late ? 'no answer in time' : reasonOf(error, this.#base.startsWith('https:')),
      };
    } finally {
      clearTimeout(timer);
      this.#controllers.delete(controller);
    }
  }

  async #exchange(request: DirectoryRequest, signal: AbortSignal): Promise<SignedAnswerResult> {
    const { registrationKey: key, clock, random } = this.#options;
    const { method, path } = request;
    const nonce = Buffer.from(random(NONCE_BYTES)).toString('hex');
    const timeMs = clock.now();
    const body = request.body === undefined ? '' : JSON.stringify(request.body);
    const options: RequestOptions = {
      method,
      agent: this.#agent,
      signal,
      headers: {
        [SIGNING_HEADERS.time]: String(timeMs),
        [SIGNING_HEADERS.nonce]: nonce,
        [SIGNING_HEADERS.signature]: signRequest(key, { method, path, timeMs, nonce, body }),
        ...(body === '' ? {} : { 'content-type': 'application/json' }),
        ...(body === '' ? {} : { 'content-length': Buffer.byteLength(body) }),
        ...(request.digest === undefined ? {} : { 'accept-encoding': 'gzip' }),
      },
    };
    const response = await sendRequest(`${this.#base}${path}`, options, body);
    const answer = await readBody(response, REGISTRY_BYTES_MAX);
    if (answer === undefined) return { ok: false, reason: 'the answer is too large' };
    if (request.digest !== undefined && response.statusCode === 200) {
      const hash = createHash('sha256').update(answer).digest('hex');
      return hash === request.digest
        ? { ok: true, status: 200, body: parsedJson(answer) }
        : { ok: false, reason: 'the answer is not the one that was named' };
    }
    const signing = parseSigning((name) => response.headers[name]);
    const status = response.statusCode ?? 0;
    if (signing === undefined) return unsigned(status, answer);
    const covered = { method, path, status, timeMs: signing.timeMs, nonce, body: answer };
    return sameSignature(signAnswer(key, covered), signing.signature)
      ? { ok: true, status, body: parsedJson(answer) }
      : unsigned(status, answer);
  }
}

function unsigned(status: number, body: Buffer): SignedAnswerResult {
  const code = problemCode(body);
  const hint = code === undefined ? '' : ` (${code})`;
  return {
    ok: false,
    reason: `answer ${status}${hint} is not signed by a directory`,
    ...(status === 401 && code !== undefined && { refusal: code }),
  };
}

/** The code of an unsigned problem document. */
function problemCode(body: Buffer): string | undefined {
  const problem = parsedJson(body.subarray(0, 4_096));
  const code = (problem as { code?: unknown } | null | undefined)?.code;
  return typeof code === 'string' && /^[a-z-]{1,40}$/.test(code) ? code : undefined;
}

function parsedJson(body: Buffer): unknown {
  try {
    return JSON.parse(body.toString('utf8'));
  } catch {
    return undefined;
  }
}

/** The system's name of a failure where there is one. */
function reasonOf(error: unknown, isTls: boolean): string {
  const { message, code } = error as NodeJS.ErrnoException;
  return `${code ?? message}${connectAdvice(code, isTls)}`;
}
