import { constants, fstatSync, openSync, readFileSync, write, writeSync } from 'node:fs';
import { setTimeout as delay } from 'node:timers/promises';

/** Bytes of log that wait to be written; beyond it lines are left out and counted. */
export const LOG_BUFFER_BYTES_MAX = 1_048_576;

/** How long the end of a program waits for its last lines to be written. */
export const LOG_FLUSH_MS = 500;

/** How soon a descriptor that takes nothing now is tried again, and one that failed. */
const BUSY_RETRY_MS = 50;
const FAILED_RETRY_MS = 1_000;

/** The most bytes of one write. */
const CHUNK_BYTES = 65_536;

/** How often a log that is about to end looks whether it is written. */
const SETTLE_POLL_MS = 5;

/** Lines that were not written, and why. */
export interface LostLines {
  readonly lines: number;
  /** The system's name of the failure, such as `ENOSPC`; EAGAIN when they were too many at once. */
  readonly reason: string;
}

/**
 * The destination of a log. A write neither blocks nor throws, whatever the descriptor is: lines
 * wait in a bounded buffer while a disk is full, a pipe has no reader or a terminal is stopped.
 * Lines beyond the bound are counted and left out; `onLost` is called when writing goes on.
 *
 * Pipes and terminals are opened again, because O_NONBLOCK on the inherited description would
 * affect every process that shares it. A file is written by the thread pool: a disk that hangs then
 * blocks one of its threads and not the event loop.
 */
export class LogDestination {
  readonly #fd: number;
  readonly #isFile: boolean;
  readonly #onLost: (lost: LostLines) => void;
  #lines: string[] = [];
  /** Bytes of the lines and of what is left of the chunk. */
  #bytes = 0;
  #chunk: Buffer | undefined;
  #underWay = false;
  /** Of the descriptor, when the write under way began. */
  #positionBefore = Number.NaN;
  #retry: NodeJS.Timeout | undefined;
  #lost = 0;
  #failure = 'EAGAIN';

  /**
   * @param fd - what to write to, of any type
   * @param onLost - told once when writing goes on after lines were lost
   */
  constructor(fd: number, onLost: (lost: LostLines) => void) {
    this.#isFile = fstatSync(fd).isFile();
    this.#fd = this.#isFile ? fd : ownDescription(fd);
    this.#onLost = onLost;
  }

  /** Whether something waits, because the descriptor takes nothing now. */
  get behind(): boolean {
    return this.#bytes > 0;
  }

  /** Takes one or more whole lines. */
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

  /** Resolves when all is written, or when that takes longer than a program's end may. */
  async settle(): Promise<void> {
    const end = performance.now() + LOG_FLUSH_MS;
    while (this.behind && performance.now() < end) {
      this.#writeOn();
      await delay(SETTLE_POLL_MS);
    }
  }

  /** The last attempt, at the exit of the process: for what no `settle` has waited for. */
  flushAtExit(): void {
    clearTimeout(this.#retry);
    const end = performance.now() + LOG_FLUSH_MS;
    // Its callback does not come any more. If this write hangs, every later one would.
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

  /** Whether the write under way has ended, and with all of the chunk, which then is done with. */
  #poolHasWritten(): boolean {
    const chunk = this.#chunk as Buffer;
    const by = positionOf(this.#fd) - this.#positionBefore;
    // Negative after the file was truncated: the write has ended at another offset.
    if (!(by < 0 || by >= chunk.length)) return false;
    this.#written(chunk.length);
    return true;
  }

  /** Writes what the descriptor takes at once. @returns whether it took anything */
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

  /** Only where there is room for it, so that the line is not lost itself. */
  #tellLost(): void {
    if (this.#lost > 0 && this.#bytes > LOG_BUFFER_BYTES_MAX / 2) return;
    const lost = { lines: this.#lost, reason: this.#failure };
    this.#lost = 0;
    // Lines lost from now on have another cause.
    this.#failure = 'EAGAIN';
    if (lost.lines > 0) this.#onLost(lost);
  }
}

/** The same pipe or terminal, in a non-blocking mode of its own. */
function ownDescription(fd: number): number {
  const { O_WRONLY, O_APPEND, O_NONBLOCK, O_NOCTTY } = constants;
  try {
    return openSync(`/proc/self/fd/${fd}`, O_WRONLY | O_APPEND | O_NONBLOCK | O_NOCTTY);
  } catch {
    // A socket, or one of another user. Node has made it non-blocking when it opened the stream.
    return fd;
  }
}

/**
 * Where a file's next byte goes or comes from; a write moves it when it ends (proc(5), fdinfo).
 * Asks no disk. NaN where the system does not tell.
 */
function positionOf(fd: number): number {
  try {
    return Number(/^pos:\s*(\d+)/.exec(readFileSync(`/proc/self/fdinfo/${fd}`, 'latin1'))?.[1]);
  } catch {
    return Number.NaN;
  }
}

/** The event loop no longer turns at the exit of the process. */
function sleep(ms: number): void {
  Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0, ms);
}
