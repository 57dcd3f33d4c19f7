import { constants } from 'node:fs';
import { type FileHandle, open, readlink } from 'node:fs/promises';
import { setTimeout as delay } from 'node:timers/promises';
import { fileFault } from '../errno-advice.js';
import { TurnpikeError, type TurnpikeErrorCode } from '../errors.js';

/** The longest file that an option names: a secret, a key, a certificate, a configuration. */
export const SMALL_FILE_BYTES_MAX = 262_144;

/** How long the first read may take: somebody may type into a pipe. */
export const FIRST_READ_MS = 60_000;

/** How long a later read may take. */
const LATER_READ_MS = 5_000;

/** Which file is read, and as what. */
export interface SmallFile {
  readonly path: string;
  /** What named it, such as `--api-key-file` or `secret file`; stands before the path. */
  readonly source: string;
  /** The code of every error. */
  readonly code: TurnpikeErrorCode;
  /** Whether an empty one means something. */
  readonly mayBeEmpty?: boolean;
  /** It was read before: what gives its content once is refused, and what hangs given up soon. */
  readonly again?: boolean;
}

/** How often a pipe is asked whether somebody has written. */
const PIPE_POLL_MS = 10;

/** Reads that were given up and have not ended: each holds a thread of the pool. */
const hanging = new Set<string>();

/**
 * Reads a text file that a person or a script made: without its byte order mark, if it has one. A
 * file whose disk or server does not answer, or a pipe that nobody writes to, is given up.
 * @returns the text, of SMALL_FILE_BYTES_MAX at most
 * @throws TurnpikeError of the given code with `errno`, naming the option, the file and what is
 *   wrong: it is absent, a folder, empty, too large, not to be read or not in time (`ETIMEDOUT`);
 *   ESPIPE for a pipe that is to be read again
 */
export async function readSmallFile(file: SmallFile): Promise<string> {
  const { path, source, code, mayBeEmpty = false } = file;
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
  if (bytes.length > SMALL_FILE_BYTES_MAX) {
    const most = SMALL_FILE_BYTES_MAX;
    throw new TurnpikeError(code, `${where}: it is larger than ${most} bytes: is it this file?`);
  }
  const text = bytes.toString('utf8').replace(/^\uFEFF/, '');
  if (!mayBeEmpty && text.trim() === '') throw new TurnpikeError(code, `${where}: it is empty`);
  return text;
}

/** At most one read of a path hangs: more of them would use up the threads of the pool. */
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

/** Opened so that a pipe without a writer does not hold a thread of the pool, or an exit. */
async function contentOf({ path, again }: SmallFile, end: number): Promise<Buffer> {
  const { O_RDONLY, O_NONBLOCK, O_NOCTTY } = constants;
  const file = await open(path, O_RDONLY | O_NONBLOCK | O_NOCTTY);
  try {
    const isPipe = (await file.stat()).isFIFO();
    if (isPipe && again) throw fault('ESPIPE');
    const mayBegin = isPipe && (await hasName(file));
    const chunks: Buffer[] = [];
    let length = 0;
    while (length <= SMALL_FILE_BYTES_MAX) {
      const chunk = await readSome(file);
      // A writer of a pipe with a name may come yet; one without had its writers when it was made.
      const waits = chunk === undefined || (mayBegin && chunk.length === 0 && length === 0);
      if (!waits && chunk.length === 0) break;
      if (waits && performance.now() >= end) throw fault('ETIMEDOUT');
      if (waits) await delay(PIPE_POLL_MS);
      else chunks.push(chunk);
      length += chunk?.length ?? 0;
    }
    return Buffer.concat(chunks);
  } finally {
    await file.close();
  }
}

/** Whether a pipe is one of the file system, and not one such as `<(…)` makes. */
async function hasName(pipe: FileHandle): Promise<boolean> {
  const link = await readlink(`/proc/self/fd/${pipe.fd}`).catch(() => '');
  return !link.startsWith('pipe:');
}

/** @returns undefined while a pipe has nothing, empty at the end */
async function readSome(file: FileHandle): Promise<Buffer | undefined> {
  const buffer = Buffer.allocUnsafe(SMALL_FILE_BYTES_MAX / 4);
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
