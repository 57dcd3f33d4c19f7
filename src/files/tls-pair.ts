import { X509Certificate } from 'node:crypto';
import { createSecureContext } from 'node:tls';
import { TurnpikeError } from '../errors.js';
import { readSmallFile } from './small-file.js';

/** Paths of the PEM files of a certificate and its key. */
export interface TlsPaths {
  readonly cert: string;
  readonly key: string;
}

/** A certificate and its private key in PEM, with the certificate's validity in Unix ms. */
export interface TlsPair {
  readonly cert: string;
  readonly key: string;
  readonly validFromMs: number;
  readonly validToMs: number;
}

/**
 * Reads a certificate and its key.
 * @param again - whether they were read before, as in `SmallFile`
 * @throws TurnpikeError ERR_TURNPIKE_CONFIG with the file and the fault: not readable, not PEM, no
 *   certificate, or not the certificate's key
 */
export async function readTlsPair(paths: TlsPaths, again = false): Promise<TlsPair> {
  const { cert: certPath, key: keyPath } = paths;
  const cert = await readPem(certPath, again);
  const key = await readPem(keyPath, again);
  let certificate: X509Certificate;
  try {
    certificate = new X509Certificate(cert);
  } catch (cause) {
    throw unusable(certPath, 'no certificate', cause);
  }
  try {
    createSecureContext({ cert, key });
  } catch (cause) {
    const { code, message } = cause as NodeJS.ErrnoException;
    throw unusable(keyPath, `not the key of ${certPath} (${code ?? message})`, cause);
  }
  const { validFrom, validTo } = certificate;
  return { cert, key, validFromMs: Date.parse(validFrom), validToMs: Date.parse(validTo) };
}

/** An empty file is reported as one without PEM. */
const TLS_FILE = { code: 'ERR_TURNPIKE_CONFIG', mayBeEmpty: true } as const;

async function readPem(path: string, again: boolean): Promise<string> {
  const text = await readSmallFile({ path, source: 'TLS file', again, ...TLS_FILE });
  if (!text.includes('-----BEGIN ')) throw unusable(path, 'no PEM text');
  return text;
}

function unusable(path: string, what: string, cause?: unknown): TurnpikeError {
  return new TurnpikeError('ERR_TURNPIKE_CONFIG', `${path}: ${what}`, { cause });
}
