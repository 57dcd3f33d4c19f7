import { stat } from 'node:fs/promises';
import type { Logger } from 'pino';
import { TurnpikeError } from '../errors.js';
import { type RelaySecrets, readRelaySecretFile, readSecretFile } from '../files/secret-file.js';
import { readSmallFile } from '../files/small-file.js';
import { SPECS } from '../options/shared-specs.js';

/**
 * Warns about a secret file that others than its owner may read.
 * @param path - a file that holds a secret
 * @param logger - where the warning goes
 */
export async function warnIfReadable(path: string, logger: Logger): Promise<void> {
  const mode = await stat(path).then(
    (status) => (status.isFile() ? status.mode & 0o077 : 0),
    () => 0,
  );
  if (mode !== 0) logger.warn(`${path} can be read by others than its owner: chmod 600 it`);
}

/**
 * Reads an API key: one line of token characters, as it stands in an
 * `Authorization: Bearer` header (RFC 6750 section 2.1). Blanks and line ends around it, which
 * editors leave, are dropped.
 * @param path - the file
 * @param options.source - what named it, for messages
 * @param options.again - it was read before (`SmallFile`)
 * @throws TurnpikeError ERR_TURNPIKE_SECRET when it cannot be read or is no such line
 */
export async function readApiKey(
  path: string,
  { source = '--api-key-file', again = false } = {},
): Promise<string> {
  const text = await readSmallFile({ path, source, again, code: 'ERR_TURNPIKE_SECRET' });
  const key = text.trim();
  const { pattern, lengthMin, lengthMax, words } = SPECS.apiKey;
  const isKey = new RegExp(pattern).test(key);
  if (isKey && key.length >= lengthMin && key.length <= lengthMax) return key;
  const found = /\s/.test(key) ? 'more than one line or word' : `${key.length} characters`;
  throw new TurnpikeError(
    'ERR_TURNPIKE_SECRET',
    `${source} ${path}: expected one line of ${words}, found ${found}`,
  );
}

/** A secret file that an option names. */
export interface SecretFile {
  readonly path: string;
  /** What named it, for messages. */
  readonly source: string;
  readonly logger: Logger;
}

/**
 * Reads a secret; warns about a file that others may read.
 * @throws as `readSecretFile`
 */
export async function readSecret({ path, source, logger }: SecretFile): Promise<Uint8Array> {
  await warnIfReadable(path, logger);
  return readSecretFile(path, source);
}

/**
 * Reads the two secrets of a relay; warns about a file that others may read.
 * @throws as `readRelaySecretFile`
 */
export async function readRelaySecret({ path, source, logger }: SecretFile): Promise<RelaySecrets> {
  await warnIfReadable(path, logger);
  return readRelaySecretFile(path, source);
}
