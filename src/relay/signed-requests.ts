import { createHash } from 'node:crypto';
import { Agent as HttpAgent, type RequestOptions } from 'node:http';
import { Agent as HttpsAgent } from 'node:https';
import type { Clock } from '../clock.js';
import { connectAdvice } from '../errno-advice.js';
import { TurnpikeError } from '../errors.js';
import { readBody, sendRequest } from '../http/client-request.js';
import { createHistogram } from '../metrics/histogram.js';
import { RELAY_METRICS } from '../metrics/relay-metrics.js';
import type { RandomBytes } from '../random.js';
import {
  NONCE_BYTES,
  parseSigning,
  SIGNING_HEADERS,
  sameSignature,
  signAnswer,
  signRequest,
} from '../registry/signing.js';

/** Timeout of a relay's request to the directory. */
export const DIRECTORY_REQUEST_MS = 5_000;
/** Initial back-off of a relay after a failed request to the directory. */
export const DIRECTORY_BACKOFF_MS_MIN = 500;
/** Maximum back-off of a relay after failed requests to the directory. */
export const DIRECTORY_BACKOFF_MS_MAX = 5_000;
/** Age at which a relay's connection to the directory is replaced. */
export const DIRECTORY_CONNECTION_MS = 60_000;
/** Requests of a relay to the directory at once: the parts of a large registry. */
export const REQUESTS_AT_ONCE_MAX = 4;
/** Maximum response of a directory that a relay reads. */
export const REGISTRY_BYTES_MAX = 16_777_216;

/** What a relay requests of a directory with each HTTP method, as a metric's label. */
const REQUEST_LABELS = {
  PUT: 'register',
  POST: 'beat',
  GET: 'registry',
  DELETE: 'deregister',
} as const;

/** A directory's signed response, or why there is none. */
export type SignedAnswerResult =
  | { readonly ok: true; readonly status: number; readonly body: unknown }
  | {
      readonly ok: false;
      readonly reason: string;
      /** Problem code of an unsigned 401; only for the log, because it is not authenticated. */
      readonly refusal?: string;
    };

/**
 * Log texts by the problem code of an unsigned 401. A directory that does not know this relay's key
 * cannot sign, but is there, and the operator must act.
 */
export const REFUSALS: ReadonlyMap<string, string> = new Map([
  [
    'wrong-signature',
    "refuses this relay's signature: check the relay secret or cluster secret, and the relay's id",
  ],
  ['clock-skew', "refuses the time in this relay's requests: check the clocks of both"],
]);

/** A request to a directory. */
export interface DirectoryRequest {
  readonly method: keyof typeof REQUEST_LABELS;
  /** Path and query, from `/v1` on. */
  readonly path: string;
  readonly body?: unknown;
  readonly timeoutMs: number;
  /** SHA-256 of an unsigned response, hex, as a signed response named it. */
  readonly digest?: string;
}

/** Dependencies of `SignedRequests`. */
export interface SignedRequestsOptions {
  readonly directoryUrl: string;
  readonly registrationKey: Uint8Array;
  readonly clock: Clock;
  readonly random: RandomBytes;
}

/**
 * Sends signed requests to a directory and accepts only signed responses (docs/registration.md,
 * Signing). Network errors never make it throw: a response that is not genuine is a failure.
 */
export class SignedRequests {
  readonly requestSeconds = createHistogram(
    RELAY_METRICS,
    'turnpike_relay_directory_request_duration_seconds',
  );
  readonly #options: SignedRequestsOptions;
  /** The URL without a slash at the end. */
  readonly #base: string;
  #agent: HttpAgent;
  #agentSinceMs: number;
  /** Controllers of the requests under way. */
  readonly #controllers = new Set<AbortController>();

  /** @throws TurnpikeError ERR_TURNPIKE_CONFIG if `directoryUrl` is not an HTTP URL */
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
    const keepAlive = { keepAlive: true, maxSockets: REQUESTS_AT_ONCE_MAX };
    return this.#base.startsWith('https:') ? new HttpsAgent(keepAlive) : new HttpAgent(keepAlive);
  }

  /**
   * Replaces a connection of age `DIRECTORY_CONNECTION_MS`, so that the directory's name is
   * resolved again. Otherwise a changed address would not be followed while the former one answers.
   */
  #lookAgain(): void {
    const now = this.#options.clock.monotonic();
    if (now - this.#agentSinceMs < DIRECTORY_CONNECTION_MS) return;
    if (this.#controllers.size > 0) return;
    this.#agent.destroy();
    this.#agent = this.#newAgent();
    this.#agentSinceMs = now;
  }

  /** Aborts the requests under way. */
  abort(): void {
    for (const controller of this.#controllers) controller.abort();
  }

  /** Aborts the requests under way and closes idle connections; `send` still works. */
  close(): void {
    this.abort();
    this.#agent.destroy();
  }

  /** Sends a request and waits for the response, at most `timeoutMs`. Never rejects. */
  async send(request: DirectoryRequest): Promise<SignedAnswerResult> {
    const since = this.#options.clock.monotonic();
    const answer = await this.#send(request);
    const seconds = (this.#options.clock.monotonic() - since) / 1_000;
    const result = answer.ok ? 'answered' : 'failed';
    this.requestSeconds.observe({ request: REQUEST_LABELS[request.method], result }, seconds);
    return answer;
  }

  async #send(request: DirectoryRequest): Promise<SignedAnswerResult> {
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

/** Returns the code of an unsigned problem document. */
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

/** Returns the system's error code, else the message, with advice. */
function reasonOf(error: unknown, isTls: boolean): string {
  const { message, code } = error as NodeJS.ErrnoException;
  return `${code ?? message}${connectAdvice(code, isTls)}`;
}
