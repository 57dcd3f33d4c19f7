import { putMostRecent } from '../collections/lru.js';
import { type CounterVerdict, ReplayWindow } from '../collections/replay-window.js';
import { type Incarnation, incarnation } from '../registry/incarnation.js';
import { AttributeType } from '../stun/attribute-types.js';
import type { StunMessage } from '../stun/message.js';

/** Counters of control messages that a relay remembers of another; a power of two. */
export const CONTROL_WINDOW = 65_536;
/** Relays that left whose last counter is remembered; then the one gone longest is forgotten. */
export const CONTROL_SENDERS_LEFT_MAX = 4_096;

const VALUE_BYTES = 16;
const WINDOW = CONTROL_WINDOW;

/** What CONTROL-SEQUENCE says (PROTOCOL.md section 3). */
export interface ControlSequence {
  /** The receiver's, as its sender knows it. */
  readonly receiverIncarnation: Incarnation;
  /** Counts what the sender has said to this receiver, from 1. */
  readonly counter: number;
}

/** The value of CONTROL-SEQUENCE. */
export function encodeSequence({ receiverIncarnation, counter }: ControlSequence): Uint8Array {
  const value = Buffer.alloc(VALUE_BYTES);
  value.writeBigUInt64BE(BigInt(receiverIncarnation));
  value.writeBigUInt64BE(BigInt(counter), 8);
  return value;
}

/**
 * Reads CONTROL-SEQUENCE of a message whose integrity has been verified.
 * @returns undefined where there is none, as of a relay of version 0.1.0
 */
export function decodeSequence(message: StunMessage): ControlSequence | undefined | 'malformed' {
  const value = message.get(AttributeType.ControlSequence);
  if (value === undefined) return undefined;
  if (value.length !== VALUE_BYTES) return 'malformed';
  const view = new DataView(value.buffer, value.byteOffset, VALUE_BYTES);
  const receiverIncarnation = incarnation(Number(view.getBigUint64(0)));
  const counter = Number(view.getBigUint64(8));
  const isCounter = counter > 0 && Number.isSafeInteger(counter);
  return isCounter ? { receiverIncarnation, counter } : 'malformed';
}

interface Heard {
  /** That the counters are of. */
  readonly incarnation: Incarnation;
  readonly window: ReplayWindow;
}

/**
 * The counters of what this relay says to others, and of what they say to it. They outlive what
 * else is known of a relay: one that leaves the registry and comes back goes on counting, and what
 * was recorded before is still old.
 */
export class ControlSequences {
  readonly #sent = new Map<string, number>();
  /** Higher than any counter used toward a relay that has been forgotten. */
  #sentFloor = 0;
  readonly #heard = new Map<string, Heard>();
  /** The highest counters of relays that are known no more, in the order in which they left. */
  readonly #left = new Map<
    string,
    { readonly incarnation: Incarnation; readonly highest: number }
  >();

  /**
   * The counter for a message to a relay.
   * @param before - the one that the same message was sent with before; 0 where it is new. It stays
   *   the same, so that the receiver knows the repetition, unless it would soon be too old
   */
  next(to: string, before: number): number {
    const last = this.#sent.get(to) ?? this.#sentFloor;
    if (before > 0 && last - before < WINDOW / 2) return before;
    this.#sent.set(to, last + 1);
    return last + 1;
  }

  /** Whether messages of that incarnation have counters. */
  counts(from: string, of: Incarnation): boolean {
    return this.#heard.get(from)?.incarnation === of || this.#left.get(from)?.incarnation === of;
  }

  /** Judges the counter of an authentic message and remembers it. */
  take(from: string, of: Incarnation, counter: number): CounterVerdict {
    return this.#windowOf(from, of).take(counter);
  }

  /** Takes a counter back (`ReplayWindow.forget`). */
  untake(from: string, counter: number): void {
    this.#heard.get(from)?.window.forget(counter);
  }

  /** Keeps only what must not be forgotten of a relay that is known no more. */
  leave(id: string): void {
    this.#sentFloor = Math.max(this.#sentFloor, this.#sent.get(id) ?? 0);
    this.#sent.delete(id);
    const heard = this.#heard.get(id);
    if (!heard) return;
    this.#heard.delete(id);
    const { incarnation, window } = heard;
    putMostRecent(
      this.#left,
      [id, { incarnation, highest: window.highest }],
      CONTROL_SENDERS_LEFT_MAX,
    );
  }

  #windowOf(from: string, of: Incarnation): ReplayWindow {
    const heard = this.#heard.get(from);
    if (heard?.incarnation === of) return heard.window;
    const left = this.#left.get(from);
    const window = new ReplayWindow(WINDOW, left?.incarnation === of ? left.highest : 0);
    this.#left.delete(from);
    this.#heard.set(from, { incarnation: of, window });
    return window;
  }
}
