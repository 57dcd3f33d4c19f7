import { stat } from 'node:fs/promises';
import type { Logger } from 'pino';
import { TurnpikeError } from '../errors.js';
import { FIRST_READ_MS, readSmallFile } from '../files/small-file.js';
import { SPECS } from '../options/shared-specs.js';
import { untilStopped } from './signals.js';

/** Warns about a secret file that others than its owner may read. */
export async function warnIfReadable(path: string, logger: Logger): Promise<void> {
  const mode = await stat(path).then(
    (status) => (status.isFile() ? status.mode & 0o077 : 0),
    () => 0,
  );
  if (mode !== 0) logger.warn(`${path} can be read by others than its owner: chmod 600 it`);
}

/** A read of a file that is not over after this time, in ms, is told of. */
const SLOW_READ_MS = 1_000;

/**
 * Awaits the first read of a file, and says so where it takes long, as a named pipe without a
 * writer does.
 * @param where - what named the file, and its path
 * @throws as the read; the reason of `stop` as soon as it is aborted
 */
export async function awaitRead<T>(
  { logger, stop }: ReadContext,
  where: string,
  reading: Promise<T>,
): Promise<T> {
  const text = `${where}: waiting for its content, ${FIRST_READ_MS / 1_000} s at most`;
  const slow = setTimeout(() => logger.info({ event: 'slow-file' }, text), SLOW_READ_MS);
  try {
    return await untilStopped(stop, reading);
  } finally {
    clearTimeout(slow);
  }
}

/** The part of a command's context that a read of a file needs. */
interface ReadContext {
  readonly logger: Logger;
  readonly stop: AbortSignal;
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
interface SecretContext<N extends string> extends ReadContext {
  readonly options: { readonly [K in N]?: string | undefined };
  readonly sourceOf: (name: N) => string;
}

/**
 * Reads the secret file that an option names; warns about one that others may read.
 * @param read - reads a file, given its path and what named it
 * @throws as `awaitRead`
 */
export async function readSecret<N extends string, T>(
  { options, sourceOf, ...context }: SecretContext<N>,
  name: N,
  read: (path: string, source: string) => Promise<T>,
): Promise<T> {
  const path = options[name] ?? '';
  const source = sourceOf(name);
  await warnIfReadable(path, context.logger);
  return awaitRead(context, `${source} ${path}`, read(path, source));
}
