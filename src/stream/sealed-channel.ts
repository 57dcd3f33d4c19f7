import { createHmac, hkdfSync, timingSafeEqual } from 'node:crypto';
import type { Clock } from '../clock.js';
import { ReplayWindow } from '../collections/replay-window.js';
import type { RandomBytes } from '../random.js';
import { openSealed, SEAL_BYTES, type SealKey, seal } from './seal.js';

/** Interval of hellos until one is answered. */
export const HELLO_INTERVAL_MS = 250;

/** Size of the replay window. */
export const REPLAY_COUNTERS = 4_096;

/** First byte of every message between two `turnpike peer` processes in stream mode. */
export const CHANNEL_TYPE = { hello: 0x01, sealed: 0x02 } as const;

/** Length that sealing adds to a message. */
export const CHANNEL_OVERHEAD_BYTES = SEAL_BYTES;

const ID_BYTES = 16;
const TAG_BYTES = 16;
const HELLO_BYTES = 2 + 3 * ID_BYTES + TAG_BYTES;
/** Hello flags: the sender has the session's keys; it knows that the receiver has them. */
const FLAG = { keyed: 1, otherKeyed: 2 } as const;

/** Result of a datagram; `plain` has the decrypted message. */
export type ChannelVerdict =
  | { readonly type: 'plain'; readonly counter: number; readonly message: Uint8Array }
  | { readonly type: 'hello' }
  | { readonly type: 'keyed' }
  | { readonly type: 'bad-hello' | 'bad-seal' | 'replay' | 'too-early' | 'foreign' };

export interface SealedChannelOptions {
  /** The secret of both sides, 32 bytes. */
  readonly roomKey: Uint8Array;
  /** 32 hex digits. */
  readonly connectionId: string;
  readonly role: 0 | 1;
  /** Identifies this side's byte stream across connections, 16 bytes. */
  readonly streamId: Uint8Array;
  readonly clock: Clock;
  readonly random: RandomBytes;
  readonly transmit: (datagram: Uint8Array) => void;
}

interface Hello {
  readonly flags: number;
  readonly streamId: Uint8Array;
  readonly salt: Uint8Array;
  readonly echo: Uint8Array;
}

/**
 * Encrypts the messages of one connection with AES-256-GCM (docs/stream.md). Both sides send a
 * hello with a fresh random salt. The session key of each direction derives from the room key, the
 * connection, both salts and both streams, so no key is used twice; the nonce is a counter. A hello
 * is authenticated by a key of its direction, so it cannot be reflected. It is valid only if it
 * repeats this side's salt, so it cannot be replayed.
 */
export class SealedChannel {
  readonly #options: SealedChannelOptions;
  readonly #salt: Uint8Array;
  readonly #replays = new ReplayWindow(REPLAY_COUNTERS, -1);
  #otherHello: Hello | undefined;
  #keys: { readonly send: SealKey; readonly receive: SealKey } | undefined;
  #otherKeyed = false;
  #counter = 0;
  #helloDueMs: number;

  constructor(options: SealedChannelOptions) {
    this.#options = options;
    this.#salt = options.random(ID_BYTES);
    this.#helloDueMs = options.clock.monotonic();
  }

  /** Whether messages can be sent and received. */
  get keyed(): boolean {
    return this.#keys !== undefined;
  }

  /** The other side's stream, as its hello named it; undefined before `keyed`. */
  get otherStreamId(): Uint8Array | undefined {
    return this.#keys === undefined ? undefined : this.#otherHello?.streamId;
  }

  /** When to call `poll` next, monotonic ms; undefined once both sides are keyed. */
  get deadlineMs(): number | undefined {
    return this.#keys !== undefined && this.#otherKeyed ? undefined : this.#helloDueMs;
  }

  /** Repeats the hello until both sides have keys. */
  poll(): void {
    const nowMs = this.#options.clock.monotonic();
    if (this.deadlineMs === undefined || nowMs < this.deadlineMs) return;
    this.#helloDueMs = nowMs + HELLO_INTERVAL_MS;
    this.#sendHello();
  }

  /** Encrypts and sends a message; before `keyed` it is dropped, as the path may do. */
  send(message: Uint8Array): void {
    if (this.#keys === undefined) return;
    const { transmit } = this.#options;
    transmit(seal(this.#keys.send, CHANNEL_TYPE.sealed, this.#counter++, message));
  }

  receive(datagram: Uint8Array): ChannelVerdict {
    if (datagram[0] === CHANNEL_TYPE.hello) return this.#receiveHello(datagram);
    if (datagram[0] !== CHANNEL_TYPE.sealed) return { type: 'foreign' };
    if (this.#keys === undefined) return { type: 'too-early' };
    const opened = openSealed(this.#keys.receive, datagram);
    if (opened === undefined) return { type: 'bad-seal' };
    // Only after the tag is verified: a forged counter could move the window past genuine messages.
    if (this.#replays.take(opened.counter) !== 'new') return { type: 'replay' };
    this.#otherKeyed = true;
    return { type: 'plain', ...opened };
  }

  #receiveHello(datagram: Uint8Array): ChannelVerdict {
    const { role } = this.#options;
    const hello = parseHello(datagram, this.#helloKey(role === 0 ? 1 : 0));
    if (hello === undefined) return { type: 'bad-hello' };
    const fresh = timingSafeEqual(hello.echo, this.#salt);
    const wasKeyed = this.#keys !== undefined;
    if (!wasKeyed) {
      this.#otherHello = hello;
      if (fresh) this.#keys = this.#sessionKeys(hello);
    } else if (!fresh && !sameBytes(hello.salt, this.#otherHello?.salt)) {
      // A replay from another session, or from another connection with this identifier.
      return { type: 'replay' };
    }
    if (fresh && (hello.flags & FLAG.keyed) !== 0) this.#otherKeyed = true;
    if ((hello.flags & FLAG.otherKeyed) === 0) this.#sendHello();
    return { type: !wasKeyed && this.keyed ? 'keyed' : 'hello' };
  }

  #sendHello(): void {
    const { role, streamId, transmit } = this.#options;
    const flags = (this.keyed ? FLAG.keyed : 0) | (this.#otherKeyed ? FLAG.otherKeyed : 0);
    const echo = this.#otherHello?.salt ?? new Uint8Array(ID_BYTES);
    const hello = { flags, streamId, salt: this.#salt, echo };
    transmit(writeHello(hello, this.#helloKey(role)));
  }

  #helloKey(senderRole: 0 | 1): Uint8Array {
    const { roomKey, connectionId } = this.#options;
    return derive({
      key: roomKey,
      salt: new Uint8Array(),
      label: 'turnpike peer hello v1',
      context: [Buffer.from(connectionId, 'hex'), Uint8Array.of(senderRole)],
    });
  }

  #sessionKeys(hello: Hello): { send: SealKey; receive: SealKey } {
    const { roomKey, connectionId, role, streamId } = this.#options;
    const byRole = (mine: Uint8Array, other: Uint8Array) =>
      role === 0 ? [mine, other] : [other, mine];
    const salt = Buffer.concat(byRole(this.#salt, hello.salt));
    const streams = byRole(streamId, hello.streamId);
    const keyOf = (senderRole: number) =>
      derive({
        key: roomKey,
        salt,
        label: 'turnpike peer data v1',
        context: [Buffer.from(connectionId, 'hex'), Uint8Array.of(senderRole), ...streams],
      });
    return { send: keyOf(role), receive: keyOf(1 - role) };
  }
}

function writeHello(hello: Hello, key: Uint8Array): Uint8Array {
  const head = Uint8Array.of(CHANNEL_TYPE.hello, hello.flags);
  const body = Buffer.concat([head, hello.streamId, hello.salt, hello.echo]);
  return Buffer.concat([body, helloTag(key, body)]);
}

function parseHello(datagram: Uint8Array, key: Uint8Array): Hello | undefined {
  if (datagram.length !== HELLO_BYTES) return undefined;
  const body = datagram.subarray(0, HELLO_BYTES - TAG_BYTES);
  const tag = datagram.subarray(HELLO_BYTES - TAG_BYTES);
  if (!timingSafeEqual(tag, helloTag(key, body))) return undefined;
  const field = (index: number) =>
    Uint8Array.from(body.subarray(2 + index * ID_BYTES, 2 + (index + 1) * ID_BYTES));
  return { flags: body[1] ?? 0, streamId: field(0), salt: field(1), echo: field(2) };
}

function helloTag(key: Uint8Array, body: Uint8Array): Uint8Array {
  return createHmac('sha256', key).update(body).digest().subarray(0, TAG_BYTES);
}

interface Derivation {
  readonly key: Uint8Array;
  readonly salt: Uint8Array;
  readonly label: string;
  /** Parts of fixed length, so that different lists never give the same bytes. */
  readonly context: readonly Uint8Array[];
}

/** HKDF-SHA-256 (RFC 5869), 32 bytes. */
function derive({ key, salt, label, context }: Derivation): Uint8Array {
  const info = Buffer.concat([Buffer.from(label), Uint8Array.of(0), ...context]);
  return new Uint8Array(hkdfSync('sha256', key, salt, info, 32));
}

function sameBytes(a: Uint8Array, b: Uint8Array | undefined): boolean {
  return b !== undefined && Buffer.compare(a, b) === 0;
}
