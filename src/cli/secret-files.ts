import { stat } from 'node:fs/promises';
import type { Logger } from 'pino';
import { TurnpikeError } from '../errors.js';
import { readSmallFile } from '../files/small-file.js';
import { SPECS } from '../options/shared-specs.js';

/** Warns about a secret file that others than its owner may read. */
export async function warnIfReadable(path: string, logger: Logger): Promise<void> {
  const mode = await stat(path).then(
    (status) => (status.isFile() ? status.mode & 0o077 : 0),
    () => 0,
  );
  if (mode !== 0) logger.warn(`${path} can be read by others than its owner: chmod 600 it`);
}

/**
 * Reads an API key: one line of token characters, as in an `Authorization: Bearer` header (RFC 6750
 * section 2.1). Blanks and line ends around it, which editors leave, are dropped.
 * @param source - what named the file, for messages
 * @param again - whether it was read before (`SmallFile`)
 * @throws TurnpikeError ERR_TURNPIKE_SECRET when it cannot be read or is no such line
 */
export async function readApiKey(
  path: string,
  source = '--api-key-file',
  again = false,
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

/** The part of a command's context with the files that options `N` name. */
interface SecretContext<N extends string> {
  readonly options: { readonly [K in N]?: string | undefined };
  readonly sourceOf: (name: N) => string;
  readonly logger: Logger;
}

/**
 * Reads the secret file that an option names; warns about one that others may read.
 * @param read - reads a file, given its path and what named it
 * @throws as `read`
 */
export async function readSecret<N extends string, T>(
  { options, sourceOf, logger }: SecretContext<N>,
  name: N,
  read: (path: string, source: string) => Promise<T>,
): Promise<T> {
  const path = options[name] ?? '';
  await warnIfReadable(path, logger);
  return read(path, sourceOf(name));
}
