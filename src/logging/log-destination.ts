import { constants, fstatSync, openSync, readFileSync, write, writeSync } from 'node:fs';
import { setTimeout as delay } from 'node:timers/promises';

/** Maximum bytes of log that wait to be written; further lines are left out and counted. */
export const LOG_BUFFER_BYTES_MAX = 1_048_576;

/** Maximum time for which the end of a program waits for its last lines to be written. */
export const LOG_FLUSH_MS = 500;

/** Interval of retries while the descriptor would block (EAGAIN). */
const BUSY_RETRY_MS = 50;

/** Interval of retries after any other error. */
const FAILED_RETRY_MS = 1_000;

/** Length from which a chunk takes no further line, in UTF-16 code units. */
const CHUNK_BYTES = 65_536;

/** Interval of checks whether a log that ends is written. */
const SETTLE_POLL_MS = 5;

/** Lines that were not written, and why. */
export interface LostLines {
  readonly lines: number;
  /** The errno's name, such as `ENOSPC`; EAGAIN if the reader was too slow. */
  readonly reason: string;
}

/**
 * The destination of a log. A write neither blocks nor throws, whatever the descriptor is. Lines
 * wait in a bounded buffer while a disk is full, a pipe has no reader or a terminal is stopped.
 * Lines beyond the bound are left out and counted. `onLost` is called when writing continues.
 *
 * A pipe or terminal is opened again, because O_NONBLOCK on the inherited open file description
 * would affect every process that shares it. A file is written in libuv's thread pool, so that a
 * disk that hangs blocks one of its threads and not the event loop.
 */
export class LogDestination {
  readonly #fd: number;
  readonly #isFile: boolean;
  readonly #onLost: (lost: LostLines) => void;
  #lines: string[] = [];
  /** Bytes of the lines and of the rest of the chunk. */
  #bytes = 0;
  /** The lines that are being written; undefined if there are none. */
  #chunk: Buffer | undefined;
  /** Whether the thread pool has a write. */
  #underWay = false;
  /** The file's position when the write in the thread pool began. */
  #positionBefore = Number.NaN;
  #retry: NodeJS.Timeout | undefined;
  #lost = 0;
  #failure = 'EAGAIN';

  /**
   * @param fd - an open file descriptor of any type
   * @param onLost - called once when writing continues after lines were lost
   * @throws the error of fstat(2) for a closed descriptor
   */
  constructor(fd: number, onLost: (lost: LostLines) => void) {
    this.#isFile = fstatSync(fd).isFile();
    this.#fd = this.#isFile ? fd : ownDescription(fd);
    this.#onLost = onLost;
  }

  /** Whether lines wait to be written. */
  get behind(): boolean {
    return this.#bytes > 0;
  }

  /** Writes one or more whole lines, or queues them. */
  write(text: string): void {
    const bytes = Buffer.byteLength(text);
    if (this.#bytes + bytes > LOG_BUFFER_BYTES_MAX) {
      this.#lost += 1;
      return;
    }
    this.#bytes += bytes;
    this.#lines.push(text);
    if (this.#retry === undefined) this.#writeOn();
  }

  /** Resolves when all lines are written, or after LOG_FLUSH_MS. */
  async settle(): Promise<void> {
    const end = performance.now() + LOG_FLUSH_MS;
    while (this.behind && performance.now() < end) {
      this.#writeOn();
      await delay(SETTLE_POLL_MS);
    }
  }

  /** Writes what is left at the exit of the process, synchronously, for LOG_FLUSH_MS at most. */
  flushAtExit(): void {
    clearTimeout(this.#retry);
    const end = performance.now() + LOG_FLUSH_MS;
    // Callbacks no longer run. If the write in the thread pool hangs, a further one would too.
    while (this.#underWay) {
      if (this.#poolHasWritten()) this.#underWay = false;
      else if (performance.now() >= end) return;
      else sleep(SETTLE_POLL_MS);
    }
    while (this.#nextChunk() !== undefined && performance.now() < end) {
      if (!this.#writeNow()) sleep(SETTLE_POLL_MS);
    }
  }

  #writeOn(): void {
    if (this.#isFile) this.#writeByPool();
    else while (this.#nextChunk() !== undefined && this.#writeNow()) this.#tellLost();
  }

  #writeByPool(): void {
    if (this.#underWay) return;
    const chunk = this.#nextChunk();
    if (chunk === undefined) return;
    this.#underWay = true;
    this.#positionBefore = positionOf(this.#fd);
    write(this.#fd, chunk, (error, bytes) => {
      this.#underWay = false;
      if (error) return this.#failed(error);
      this.#written(bytes);
      this.#tellLost();
      this.#writeByPool();
    });
  }

  /** Returns whether the thread pool has written the whole chunk, and drops the chunk if so. */
  #poolHasWritten(): boolean {
    const chunk = this.#chunk as Buffer;
    const by = positionOf(this.#fd) - this.#positionBefore;
    // Negative after the file was truncated: the write has ended at another offset.
    if (!(by < 0 || by >= chunk.length)) return false;
    this.#written(chunk.length);
    return true;
  }

  /** Writes as much as the descriptor accepts at once. @returns whether it accepted anything */
  #writeNow(): boolean {
    try {
      this.#written(writeSync(this.#fd, this.#chunk as Buffer));
      return true;
    } catch (error) {
      this.#failed(error as NodeJS.ErrnoException);
      return false;
    }
  }

  #nextChunk(): Buffer | undefined {
    if (this.#chunk !== undefined || this.#lines.length === 0) return this.#chunk;
    let [count, characters] = [0, 0];
    while (count < this.#lines.length && characters < CHUNK_BYTES) {
      characters += (this.#lines[count] as string).length;
      count += 1;
    }
    this.#chunk = Buffer.from(this.#lines.splice(0, count).join(''));
    return this.#chunk;
  }

  #written(bytes: number): void {
    const chunk = this.#chunk as Buffer;
    this.#bytes -= bytes;
    this.#chunk = bytes < chunk.length ? chunk.subarray(bytes) : undefined;
  }

  #failed({ code = 'EIO' }: NodeJS.ErrnoException): void {
    this.#failure = code;
    clearTimeout(this.#retry);
    this.#retry = setTimeout(
      () => {
        this.#retry = undefined;
        this.#writeOn();
      },
      code === 'EAGAIN' ? BUSY_RETRY_MS : FAILED_RETRY_MS,
    );
    this.#retry.unref();
  }

  /** Reports lost lines once half of the buffer is free, so that the report itself is not lost. */
  #tellLost(): void {
    if (this.#lost > 0 && this.#bytes > LOG_BUFFER_BYTES_MAX / 2) return;
    const lost = { lines: this.#lost, reason: this.#failure };
    this.#lost = 0;
    // Lines lost from now on have another cause.
    this.#failure = 'EAGAIN';
    if (lost.lines > 0) this.#onLost(lost);
  }
}

/** Opens the pipe or terminal again with O_NONBLOCK. @returns the new descriptor, or `fd` itself */
function ownDescription(fd: number): number {
  const { O_WRONLY, O_APPEND, O_NONBLOCK, O_NOCTTY } = constants;
  try {
    return openSync(`/proc/self/fd/${fd}`, O_WRONLY | O_APPEND | O_NONBLOCK | O_NOCTTY);
  } catch {
    // A socket, or a file of another user. Node made it non-blocking when it opened the stream.
    return fd;
  }
}

/**
 * Returns the position of an open file, which a write changes when it ends (proc(5), fdinfo), or
 * NaN without /proc. Reading it needs no disk.
 */
function positionOf(fd: number): number {
  try {
    return Number(/^pos:\s*(\d+)/.exec(readFileSync(`/proc/self/fdinfo/${fd}`, 'latin1'))?.[1]);
  } catch {
    return Number.NaN;
  }
}

/** Blocks the thread, as the event loop does not run at the exit of the process. */
function sleep(ms: number): void {
  Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0, ms);
}
