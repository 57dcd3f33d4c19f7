import { readFile, stat } from 'node:fs/promises';
import type { Logger } from 'pino';
import { TurnpikeError } from '../errors.js';
import { LIMITS } from '../limits.js';

const KEY = new RegExp(
  `^(?=.{${LIMITS.apiKeyCharactersMin},${LIMITS.apiKeyCharactersMax}}$)[A-Za-z0-9._~+/-]+=*$`,
);

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
 * `Authorization: Bearer` header (RFC 6750 section 2.1).
 * @param path - the file
 * @throws TurnpikeError ERR_TURNPIKE_SECRET when it cannot be read or is no such line
 */
export async function readApiKey(path: string): Promise<string> {
  let text: string;
  try {
    text = await readFile(path, 'utf8');
  } catch (cause) {
    const errno = (cause as NodeJS.ErrnoException).code ?? 'unknown error';
    throw new TurnpikeError('ERR_TURNPIKE_SECRET', `${path}: cannot be read (${errno})`, {
      cause,
      errno,
    });
  }
  const key = text.replace(/\r?\n$/, '');
  if (!KEY.test(key)) {
    throw new TurnpikeError(
      'ERR_TURNPIKE_SECRET',
      `${path}: expected one line of ${LIMITS.apiKeyCharactersMin} to ` +
        `${LIMITS.apiKeyCharactersMax} letters, digits or "._~+/-", then "=" perhaps; ` +
        '`turnpike secret new` makes one',
    );
  }
  return key;
}
