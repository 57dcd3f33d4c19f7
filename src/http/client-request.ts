import { request as httpRequest, type IncomingMessage, type RequestOptions } from 'node:http';
import { request as httpsRequest, type RequestOptions as TlsRequestOptions } from 'node:https';
import { createGunzip } from 'node:zlib';

/**
 * Sends an HTTP or HTTPS request. Redirects are not followed, because they would carry credentials
 * to another host. `fetch` accepts neither an agent nor a certificate authority, and refuses some
 * ports, so node:http is used.
 * @param options - as node:http and node:https take them
 * @param body - the request's content; none if absent
 * @returns the response, once its headers have arrived
 * @throws the error of the system, of TLS or of the signal
 */
export function sendRequest(
  url: string | URL,
  options: RequestOptions & Pick<TlsRequestOptions, 'ca'>,
  body?: string,
): Promise<IncomingMessage> {
  const send = new URL(url).protocol === 'https:' ? httpsRequest : httpRequest;
  return new Promise((resolve, reject) => {
    send(url, options, resolve).on('error', reject).end(body);
  });
}

/**
 * Reads the content of a response, and decompresses gzip.
 * @param bytesMax - maximum length after decompression
 * @returns undefined for longer content; the connection is closed then
 * @throws the stream's error; zlib's error for malformed gzip
 */
export async function readBody(
  response: IncomingMessage,
  bytesMax: number,
): Promise<Buffer | undefined> {
  const isGzip = response.headers['content-encoding'] === 'gzip';
  const plain = isGzip ? response.pipe(createGunzip()) : response;
  // A broken response also ends the decompression.
  if (isGzip) response.once('error', (error) => plain.destroy(error));
  const chunks: Buffer[] = [];
  let bytes = 0;
  for await (const chunk of plain as AsyncIterable<Buffer>) {
    bytes += chunk.length;
    if (bytes > bytesMax) {
      response.destroy();
      return undefined;
    }
    chunks.push(chunk);
  }
  return Buffer.concat(chunks);
}
