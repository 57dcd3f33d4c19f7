import { request as httpRequest, type IncomingMessage, type RequestOptions } from 'node:http';
import { request as httpsRequest } from 'node:https';

/** A directory that does not answer a client in this time is unreachable. */
export const DIRECTORY_ANSWER_MS = 10_000;

/** The longest answer of a directory that a client reads. */
export const DIRECTORY_ANSWER_BYTES_MAX = 1_048_576;

export interface JsonRequest {
  readonly method: 'GET' | 'POST';
  readonly url: URL;
  readonly apiKey: string;
  /** Sent as JSON when given. */
  readonly body?: unknown;
  readonly ca?: string | Buffer | undefined;
  readonly signal: AbortSignal;
}

export interface TextAnswer {
  readonly status: number;
  readonly text: string;
}

/**
 * One HTTP exchange on a connection of its own. Redirects are not followed: they would carry the
 * API key elsewhere. (The built-in `fetch` cannot take a certificate authority.)
 * @throws the system's, TLS's or the signal's error; RangeError for an answer longer than
 *   DIRECTORY_ANSWER_BYTES_MAX
 */
export function exchangeJson(request: JsonRequest): Promise<TextAnswer> {
  const { method, url, apiKey, body, ca, signal } = request;
  const payload = body === undefined ? undefined : JSON.stringify(body);
  const options: RequestOptions & { ca?: string | Buffer } = {
    method,
    signal,
    agent: false,
    headers: {
      accept: 'application/json, application/problem+json',
      authorization: `Bearer ${apiKey}`,
      ...(payload === undefined ? {} : { 'content-type': 'application/json' }),
    },
    ...(ca === undefined ? {} : { ca }),
  };
  const send = url.protocol === 'https:' ? httpsRequest : httpRequest;
  return new Promise((resolve, reject) => {
    const outgoing = send(url, options, (answer) => {
      readText(answer).then((text) => resolve({ status: answer.statusCode ?? 0, text }), reject);
    });
    outgoing.on('error', reject);
    outgoing.end(payload);
  });
}

/**
 * Reads a body.
 * @throws RangeError beyond DIRECTORY_ANSWER_BYTES_MAX; the stream's own error
 */
export async function readText(answer: IncomingMessage): Promise<string> {
  const chunks: Buffer[] = [];
  let bytes = 0;
  for await (const chunk of answer as AsyncIterable<Buffer>) {
    bytes += chunk.length;
    if (bytes > DIRECTORY_ANSWER_BYTES_MAX) throw new RangeError('the answer is too long');
    chunks.push(chunk);
  }
  return Buffer.concat(chunks).toString('utf8');
}
