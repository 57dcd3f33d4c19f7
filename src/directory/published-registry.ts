import { createHash } from 'node:crypto';
import { promisify } from 'node:util';
import { gzip } from 'node:zlib';

const compressed = promisify(gzip);

/** A registry, a part of it or changes, serialized and compressed once for all relays. */
export class PublishedRegistry {
  /** The SHA-256 of `body`, hex. */
  readonly version: string;
  /** JSON, as docs/registration.md describes it. */
  readonly body: Buffer;
  #gzipped: Promise<Buffer> | undefined;

  constructor(text: string) {
    this.body = Buffer.from(text);
    this.version = createHash('sha256').update(this.body).digest('hex');
  }

  /** Returns `body` as gzip (RFC 1952). A failure is not cached. */
  gzipped(): Promise<Buffer> {
    if (this.#gzipped === undefined) {
      this.#gzipped = compressed(this.body);
      this.#gzipped.catch(() => {
        this.#gzipped = undefined;
      });
    }
    return this.#gzipped;
  }
}
