import { stat } from 'node:fs/promises';

/**
 * Number of reads of a file whose status has not changed. One that is written while it is read, or
 * twice within the resolution of its times, is so read again when it is complete.
 */
const READS_MIN = 3;

/**
 * Reads a file again only where its status (inode, length, times) has changed since, because a
 * large file takes long to parse.
 */
export class ReadIfChanged<Value> {
  readonly #read: (path: string) => Promise<Value>;
  #status = '';
  #reads = 0;
  #value: Value | undefined;

  /** @param read - reads and parses the file; rejects if it is unusable */
  constructor(read: (path: string) => Promise<Value>) {
    this.#read = read;
  }

  /**
   * Returns the value of a file; the very one of an earlier call if its status is the same.
   * @throws what `read` rejects with
   */
  async read(path: string): Promise<Value> {
    const status = await statusOf(path);
    if (status !== this.#status) this.#reads = 0;
    if (this.#reads >= READS_MIN && this.#value !== undefined) return this.#value;
    this.#status = status;
    this.#value = undefined;
    const value = await this.#read(path);
    this.#value = value;
    this.#reads += 1;
    return value;
  }
}

/** Returns a text that differs if a file does; also for one without a status, which is read. */
async function statusOf(path: string): Promise<string> {
  const options = { bigint: true } as const;
  const status = await stat(path, options).catch(() => undefined);
  if (status?.isFile() !== true) return `${path} ${performance.now()}`;
  const { dev, ino, size, mtimeNs, ctimeNs } = status;
  return [path, dev, ino, size, mtimeNs, ctimeNs].join(' ');
}
