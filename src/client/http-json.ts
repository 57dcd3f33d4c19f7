import type { IncomingMessage } from 'node:http';
import { readBody, sendRequest } from '../http/client-request.js';

/** Timeout of a client's request to the directory. */
export const DIRECTORY_ANSWER_MS = 10_000;

/** Maximum response of a directory that a client reads. */
export const DIRECTORY_ANSWER_BYTES_MAX = 1_048_576;

export interface JsonRequest {
  readonly method: 'GET' | 'POST';
  readonly url: URL;
  readonly apiKey: string;
  /** Sent as JSON if present. */
  readonly body?: unknown;
  readonly ca?: string | Buffer | undefined;
  readonly signal: AbortSignal;
}

export interface TextAnswer {
  readonly status: number;
  readonly text: string;
}

/**
 * Sends one HTTP request on a connection of its own.
 * @returns status and body text
 * @throws as `sendRequest`; RangeError for a body longer than `DIRECTORY_ANSWER_BYTES_MAX`
 */
export async function exchangeJson(request: JsonRequest): Promise<TextAnswer> {
  const { method, url, apiKey, body, ca, signal } = request;
  const headers = {
    accept: 'application/json, application/problem+json',
    authorization: `Bearer ${apiKey}`,
    ...(body === undefined ? {} : { 'content-type': 'application/json' }),
  };
  const options = { method, signal, headers, agent: false, ...(ca === undefined ? {} : { ca }) };
  const payload = body === undefined ? undefined : JSON.stringify(body);
  const answer = await sendRequest(url, options, payload);
  return { status: answer.statusCode ?? 0, text: await readText(answer) };
}

/**
 * Reads a body as UTF-8.
 * @throws RangeError for a body longer than `DIRECTORY_ANSWER_BYTES_MAX`; as `readBody`
 */
export async function readText(answer: IncomingMessage): Promise<string> {
  const body = await readBody(answer, DIRECTORY_ANSWER_BYTES_MAX);
  if (body === undefined) throw new RangeError('the answer is too long');
  return body.toString('utf8');
}
