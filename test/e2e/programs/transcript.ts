import { createHash } from 'node:crypto';
import type { Speech } from '../peer-methods.js';

/** Digest of a sequence of messages: of their number, bytes, boundaries and order. */
export class Transcript {
  readonly #hash = createHash('sha256');
  #messages = 0;

  add(message: Uint8Array): void {
    this.#messages++;
    const length = Buffer.alloc(4);
    length.writeUInt32BE(message.length);
    this.#hash.update(length).update(message);
  }

  soFar(): Speech {
    return { messages: this.#messages, digest: this.#hash.copy().digest('hex') };
  }
}
