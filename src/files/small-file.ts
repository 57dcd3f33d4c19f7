import { constants } from 'node:fs';
import { type FileHandle, open, readlink } from 'node:fs/promises';
import { setTimeout as delay } from 'node:timers/promises';
import { fileFault } from '../errno-advice.js';
import { TurnpikeError, type TurnpikeErrorCode } from '../errors.js';

/**
 * Maximum length of a file that an option names: a secret, key, certificate or configuration. Files
 * of users have a bound of their own (`USERS_FILE_BYTES_MAX`).
 */
export const SMALL_FILE_BYTES_MAX = 262_144;

/** Timeout of the first read of a file. It is long, because a person may type into a pipe. */
export const FIRST_READ_MS = 60_000;

/** Timeout of a later read of a file. */
const LATER_READ_MS = 5_000;

/** A file to read. */
export interface SmallFile {
  readonly path: string;
  /** The option that names the file, or what it is, for messages: `--api-key-file`. */
  readonly source: string;
  /** The code of every error. */
  readonly code: TurnpikeErrorCode;
  /** Whether an empty file is allowed. */
  readonly mayBeEmpty?: boolean;
  /** Maximum length; default SMALL_FILE_BYTES_MAX. */
  readonly bytesMax?: number;
  /** Whether it was read before. A pipe is refused then, and the timeout is short. */
  readonly again?: boolean;
}

/** Bytes that are read at a time. */
const READ_BYTES = 65_536;

/** Interval of polling a pipe, ms. */
const PIPE_POLL_MS = 10;

/** Paths whose read has timed out but not ended: each holds a thread of libuv's pool. */
const hanging = new Set<string>();

/**
 * Reads a UTF-8 text file. Times out if the file's disk or server does not respond, or if nothing
 * is written to a pipe.
 * @returns the text without a byte order mark, at most `bytesMax` bytes
 * @throws TurnpikeError with `code` of the file, and `errno` of a system error: the file is absent,
 *   a directory, empty, too large or not readable, the read timed out (ETIMEDOUT), or a pipe would
 *   be read again (ESPIPE)
 */
export async function readSmallFile(file: SmallFile): Promise<string> {
  const { path, source, code, mayBeEmpty = false, bytesMax = SMALL_FILE_BYTES_MAX } = file;
  const where = `${source} ${path}`;
  let bytes: Buffer;
  try {
    bytes = await inTime(path, (end) => contentOf(file, end), file.again ?? false);
  } catch (cause) {
    const errno = (cause as NodeJS.ErrnoException).code;
    throw new TurnpikeError(code, `${where}: ${fileFault(errno)}`, {
      cause,
      ...(errno === undefined ? {} : { errno }),
    });
  }
  if (bytes.length > bytesMax) {
    const most = `${where}: it is larger than ${bytesMax} bytes`;
    throw new TurnpikeError(code, `${most}: is it this file?`);
  }
  const text = bytes.toString('utf8').replace(/^\uFEFF/, '');
  if (!mayBeEmpty && text.trim() === '') throw new TurnpikeError(code, `${where}: it is empty`);
  return text;
}

/**
 * Runs a read with a timeout. While a read of a path hangs, further reads of it fail at once, so
 * that hanging reads do not use up libuv's thread pool.
 */
async function inTime(
  path: string,
  read: (end: number) => Promise<Buffer>,
  again: boolean,
): Promise<Buffer> {
  if (hanging.has(path)) throw fault('ETIMEDOUT');
  const ms = again ? LATER_READ_MS : FIRST_READ_MS;
  const reading = read(performance.now() + ms).finally(() => hanging.delete(path));
  const timer = new AbortController();
  const late = delay(ms, undefined, { signal: timer.signal }).then(() => {
    hanging.add(path);
    throw fault('ETIMEDOUT');
  });
  late.catch(() => {});
  try {
    return await Promise.race([reading, late]);
  } finally {
    timer.abort();
    reading.catch(() => {});
  }
}

/**
 * Reads a file. It is opened without blocking, so that a pipe without a writer holds no thread and
 * does not delay the exit.
 */
async function contentOf(file: SmallFile, end: number): Promise<Buffer> {
  const { path, again, bytesMax = SMALL_FILE_BYTES_MAX } = file;
  const { O_RDONLY, O_NONBLOCK, O_NOCTTY } = constants;
  const opened = await open(path, O_RDONLY | O_NONBLOCK | O_NOCTTY);
  try {
    const isPipe = (await opened.stat()).isFIFO();
    if (isPipe && again) throw fault('ESPIPE');
    const mayBegin = isPipe && (await hasName(opened));
    const chunks: Buffer[] = [];
    let length = 0;
    while (length <= bytesMax) {
      const chunk = await readSome(opened);
      // A named pipe may get its first writer later; an anonymous one had its writers from the
      // start.
      const waits = chunk === undefined || (mayBegin && chunk.length === 0 && length === 0);
      if (!waits && chunk.length === 0) break;
      if (waits && performance.now() >= end) throw fault('ETIMEDOUT');
      if (waits) await delay(PIPE_POLL_MS);
      else chunks.push(chunk);
      length += chunk?.length ?? 0;
    }
    return Buffer.concat(chunks);
  } finally {
    await opened.close();
  }
}

/** Returns whether a pipe has a name in the file system, unlike one of a shell's `<(…)`. */
async function hasName(pipe: FileHandle): Promise<boolean> {
  const link = await readlink(`/proc/self/fd/${pipe.fd}`).catch(() => '');
  return !link.startsWith('pipe:');
}

/** Reads the next bytes. @returns undefined if a pipe has none yet, empty at the end */
async function readSome(file: FileHandle): Promise<Buffer | undefined> {
  const buffer = Buffer.allocUnsafe(READ_BYTES);
  try {
    const { bytesRead } = await file.read(buffer, 0, buffer.length, null);
    return buffer.subarray(0, bytesRead);
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'EAGAIN') return undefined;
    throw error;
  }
}

function fault(code: 'ETIMEDOUT' | 'ESPIPE'): Error {
  return Object.assign(new Error(code), { code });
}
