import { createCipheriv, createHmac, timingSafeEqual } from 'node:crypto';
import type { RandomBytes } from '../random.js';

/**
 * Bytes of a MOBILITY-TICKET: 24 as base64url. coturn's client takes at most 32, and no zero among
 * them.
 */
export const MOBILITY_TICKET_BYTES = 32;

const TAG_BYTES = 16;
const CONTENT_BYTES = 8;

/** What a ticket says. Both are unsigned 32-bit numbers. */
export interface TicketContent {
  /** The allocation (`Mobility.serial`). */
  readonly serial: number;
  /** Which of its tickets it is. */
  readonly generation: number;
}

/**
 * Makes and reads tickets (RFC 8016 section 3.1.2 and appendix A), encrypted and authenticated with
 * a synthetic initialization vector (the construction of RFC 5297): the tag over the content is the
 * vector of its encryption. The keys are this object's own, so tickets of another server, or of
 * this one before a restart, are invalid.
 */
export class MobilityTickets {
  readonly #tagKey: Uint8Array;
  readonly #cipherKey: Uint8Array;

  constructor(random: RandomBytes) {
    this.#tagKey = random(32);
    this.#cipherKey = random(32);
  }

  /** Returns the ticket with a content, `MOBILITY_TICKET_BYTES` of text. */
  issue({ serial, generation }: TicketContent): Uint8Array {
    const content = Buffer.alloc(CONTENT_BYTES);
    content.writeUInt32BE(serial, 0);
    content.writeUInt32BE(generation, 4);
    const tag = this.#tagOf(content);
    const sealed = Buffer.concat([tag, this.#crypt(tag, content)]);
    return Buffer.from(sealed.toString('base64url'), 'latin1');
  }

  /** Returns the content of a ticket that this object made; undefined for anything else. */
  read(ticket: Uint8Array): TicketContent | undefined {
    if (ticket.length !== MOBILITY_TICKET_BYTES) return undefined;
    const sealed = Buffer.from(Buffer.from(ticket).toString('latin1'), 'base64url');
    if (sealed.length !== TAG_BYTES + CONTENT_BYTES) return undefined;
    const tag = sealed.subarray(0, TAG_BYTES);
    const content = this.#crypt(tag, sealed.subarray(TAG_BYTES));
    if (!timingSafeEqual(this.#tagOf(content), tag)) return undefined;
    return { serial: content.readUInt32BE(0), generation: content.readUInt32BE(4) };
  }

  #tagOf(content: Uint8Array): Buffer {
    return createHmac('sha256', this.#tagKey).update(content).digest().subarray(0, TAG_BYTES);
  }

  /** Encrypts or decrypts. */
  #crypt(tag: Uint8Array, bytes: Uint8Array): Buffer {
    return createCipheriv('aes-256-ctr', this.#cipherKey, tag).update(bytes);
  }
}
