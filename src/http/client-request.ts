import { request as httpRequest, type IncomingMessage, type RequestOptions } from 'node:http';
import { request as httpsRequest, type RequestOptions as TlsRequestOptions } from 'node:https';
import { createGunzip } from 'node:zlib';

/**
 * Sends an HTTP or HTTPS request. Redirects are not followed: they would carry credentials
 * elsewhere. Not `fetch`: it takes neither an agent nor a certificate authority, and refuses some
 * ports.
 * @param body - as it is sent; nothing when left out
 * @returns the response, as soon as its headers are there
 * @throws the system's, TLS's or the signal's error
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
 * Reads the body of a response, and unpacks it where it is gzip.
 * @param bytesMax - of the body, unpacked
 * @returns undefined for a longer one, whose connection is closed then
 * @throws the stream's own error; zlib's for what is no gzip
 */
export async function readBody(
  response: IncomingMessage,
  bytesMax: number,
): Promise<Buffer | undefined> {
  const isGzip = response.headers['content-encoding'] === 'gzip';
  const plain = isGzip ? response.pipe(createGunzip()) : response;
  // An answer that breaks off ends the unpacking, too.
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
