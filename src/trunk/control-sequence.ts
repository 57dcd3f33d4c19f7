import { putMostRecent } from '../collections/lru.js';
import { type CounterVerdict, ReplayWindow } from '../collections/replay-window.js';
import { type Incarnation, incarnation } from '../registry/incarnation.js';
import { AttributeType } from '../stun/attribute-types.js';
import type { StunMessage } from '../stun/message.js';

/** Size of the replay window of another relay's control messages; a power of two. */
export const CONTROL_WINDOW = 65_536;
/** Maximum relays that left whose last counter is remembered; the longest gone is forgotten. */
export const CONTROL_SENDERS_LEFT_MAX = 4_096;

const VALUE_BYTES = 16;
const WINDOW = CONTROL_WINDOW;

/** The value of CONTROL-SEQUENCE (PROTOCOL.md section 3). */
export interface ControlSequence {
  /** The receiver's incarnation as the sender knows it. */
  readonly receiverIncarnation: Incarnation;
  /** Number of the message among those from this sender to this receiver, from 1. */
  readonly counter: number;
}

/** Encodes the value of CONTROL-SEQUENCE. */
export function encodeSequence({ receiverIncarnation, counter }: ControlSequence): Uint8Array {
  const value = Buffer.alloc(VALUE_BYTES);
  value.writeBigUInt64BE(BigInt(receiverIncarnation));
  value.writeBigUInt64BE(BigInt(counter), 8);
  return value;
}

/**
 * Decodes CONTROL-SEQUENCE of a message whose integrity has been verified.
 * @returns undefined if it is absent, as from a relay of version 0.1.0
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
  /** The incarnation to which the counters belong. */
  readonly incarnation: Incarnation;
  readonly window: ReplayWindow;
}

/**
 * Counters of sent and received control messages, by relay. They outlive the relay's entry: a relay
 * that leaves the registry and returns continues to count, and messages recorded before stay old.
 */
export class ControlSequences {
  readonly #sent = new Map<string, number>();
  /** Maximum of the last counters sent to relays that have been forgotten. */
  #sentFloor = 0;
  readonly #heard = new Map<string, Heard>();
  /** Highest counters of forgotten relays, in the order in which they left. */
  readonly #left = new Map<
    string,
    { readonly incarnation: Incarnation; readonly highest: number }
  >();

  /**
   * Returns the counter of a message to a relay.
   * @param before - the counter of an earlier transmission of this message; 0 for a new one. It is
   *   reused, so that the receiver recognizes the retransmission, unless it would soon fall out of
   *   the receiver's window.
   */
  next(to: string, before: number): number {
    const last = this.#sent.get(to) ?? this.#sentFloor;
    if (before > 0 && last - before < WINDOW / 2) return before;
    this.#sent.set(to, last + 1);
    return last + 1;
  }

  /** Returns whether messages of this incarnation have had counters. */
  counts(from: string, of: Incarnation): boolean {
    return this.#heard.get(from)?.incarnation === of || this.#left.get(from)?.incarnation === of;
  }

  /** Checks an authenticated message's counter against the replay window, and marks it as seen. */
  take(from: string, of: Incarnation, counter: number): CounterVerdict {
    return this.#windowOf(from, of).take(counter);
  }

  /** Marks a counter as not seen (`ReplayWindow.forget`). */
  untake(from: string, counter: number): void {
    this.#heard.get(from)?.window.forget(counter);
  }

  /** Reduces a forgotten relay's state to the last counters. */
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
