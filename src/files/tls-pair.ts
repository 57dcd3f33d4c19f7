import { X509Certificate } from 'node:crypto';
import { createSecureContext } from 'node:tls';
import { TurnpikeError } from '../errors.js';
import { readSmallFile } from './small-file.js';

/** Where certificate and key are. */
export interface TlsPaths {
  readonly cert: string;
  readonly key: string;
}

/** Certificate and key that fit together, in PEM, and when they are valid. */
export interface TlsPair {
  readonly cert: string;
  readonly key: string;
  readonly validFromMs: number;
  readonly validToMs: number;
}

/**
 * Reads certificate and key.
 * @param again - they were read before (`SmallFile`)
 * @throws TurnpikeError ERR_TURNPIKE_CONFIG naming the file and what is wrong with it
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

/** That an empty file holds no PEM is said as of any other. */
const TLS_FILE = { code: 'ERR_TURNPIKE_CONFIG', mayBeEmpty: true } as const;

async function readPem(path: string, again: boolean): Promise<string> {
  const text = await readSmallFile({ path, source: 'TLS file', again, ...TLS_FILE });
  if (!text.includes('-----BEGIN ')) throw unusable(path, 'no PEM text');
  return text;
}

function unusable(path: string, what: string, cause?: unknown): TurnpikeError {
  return new TurnpikeError('ERR_TURNPIKE_CONFIG', `${path}: ${what}`, { cause });
}
