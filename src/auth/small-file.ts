import { createReadStream } from 'node:fs';
import { fileFault } from '../advice.js';
import { TurnpikeError, type TurnpikeErrorCode } from '../errors.js';
import { LIMITS } from '../limits.js';

/** Which file is read, and as what. */
export interface SmallFile {
  readonly path: string;
  /** What named it, such as `--api-key-file` or `secret file`; stands before the path. */
  readonly source: string;
  /** The code of every error. */
  readonly code: TurnpikeErrorCode;
  /** Whether an empty one means something. */
  readonly mayBeEmpty?: boolean;
}

/**
 * Reads a text file that a person or a script made: without its byte order mark, if it has one.
 * @returns the text, of LIMITS.smallFileBytesMax at most
 * @throws TurnpikeError of the given code with `errno`, naming the option, the file and what is
 *   wrong: it is absent, a folder, empty, too large or not to be read
 */
export async function readSmallFile(file: SmallFile): Promise<string> {
  const { path, source, code, mayBeEmpty = false } = file;
  const where = `${source} ${path}`;
  const chunks: Buffer[] = [];
  let bytes = 0;
  try {
    for await (const chunk of createReadStream(path) as AsyncIterable<Buffer>) {
      chunks.push(chunk);
      bytes += chunk.length;
      if (bytes > LIMITS.smallFileBytesMax) break;
    }
  } catch (cause) {
    const errno = (cause as NodeJS.ErrnoException).code;
    throw new TurnpikeError(code, `${where}: ${fileFault(errno)}`, {
      cause,
      ...(errno === undefined ? {} : { errno }),
    });
  }
  if (bytes > LIMITS.smallFileBytesMax) {
    const most = LIMITS.smallFileBytesMax;
    throw new TurnpikeError(code, `${where}: it is larger than ${most} bytes: is it this file?`);
  }
  const text = Buffer.concat(chunks)
    .toString('utf8')
    .replace(/^\uFEFF/, '');
  if (!mayBeEmpty && text.trim() === '') throw new TurnpikeError(code, `${where}: it is empty`);
  return text;
}
