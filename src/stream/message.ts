/** A numbered piece of the byte stream. Sequences count segments from 0, not bytes. */
export interface Segment {
  readonly type: 'segment';
  readonly sequence: number;
  /** Whether it is the last segment of the stream. */
  readonly final: boolean;
  /** The sender's clock when this copy was sent, as a stamp (see `stampOf`). */
  readonly stamp: number;
  readonly payload: Uint8Array;
}

/** The sequences from `first` to `last`, both inclusive. */
export interface SequenceRange {
  readonly first: number;
  readonly last: number;
}

/** Acknowledgement of received segments. */
export interface Ack {
  readonly type: 'ack';
  /** All lower sequences have been received. */
  readonly next: number;
  /** Number of segments from `next` on that the receiver has room for. */
  readonly window: number;
  /**
   * Stamp of a segment that was just received, plus the delay of this Ack; undefined without one.
   */
  readonly echo: number | undefined;
  /** Whether both directions have ended and everything was received: the other side may end. */
  readonly complete: boolean;
  /** Received sequences above `next`, ascending. */
  readonly ranges: readonly SequenceRange[];
}

/** Requests an Ack, because the window was closed and the Ack that opens it may have been lost. */
export interface Probe {
  readonly type: 'probe';
}

/** The sender has failed and neither reads nor writes any more. */
export interface Reset {
  readonly type: 'reset';
}

export type StreamMessage = Segment | Ack | Probe | Reset;

/** Length of a segment's header, bytes. */
export const SEGMENT_HEADER_BYTES = 12;

const ACK_HEADER_BYTES = 17;
const RANGE_BYTES = 4;
const KIND = { segment: 1, ack: 2, probe: 3, reset: 4 } as const;
const FLAG = { final: 1, complete: 1, echo: 2 } as const;

/** Converts a monotonic time to a 32-bit stamp: tenths of a millisecond, wrapping. */
export function stampOf(monotonicMs: number): number {
  return Math.floor(monotonicMs * 10) % 2 ** 32;
}

/** Returns the time from one stamp to another, ms; right across a wrap. */
export function stampDifferenceMs(later: number, earlier: number): number {
  return ((later - earlier) | 0) / 10;
}

/** Encodes a stream message; the inverse of `decodeStreamMessage`. */
export function encodeStreamMessage(message: StreamMessage): Uint8Array {
  switch (message.type) {
    case 'segment':
      return encodeSegment(message);
    case 'ack':
      return encodeAck(message);
    case 'probe':
    case 'reset':
      return Uint8Array.of(KIND[message.type]);
  }
}

/** Decodes a stream message; undefined for other bytes. */
export function decodeStreamMessage(bytes: Uint8Array): StreamMessage | undefined {
  const view = Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  switch (view[0]) {
    case KIND.segment:
      return view.length < SEGMENT_HEADER_BYTES ? undefined : decodeSegment(view);
    case KIND.ack:
      return decodeAck(view);
    case KIND.probe:
      return { type: 'probe' };
    case KIND.reset:
      return { type: 'reset' };
    default:
      return undefined;
  }
}

function encodeSegment({ sequence, final, stamp, payload }: Segment): Uint8Array {
  const bytes = Buffer.alloc(SEGMENT_HEADER_BYTES + payload.length);
  bytes[0] = KIND.segment;
  bytes[1] = final ? FLAG.final : 0;
  bytes.writeUIntBE(sequence, 2, 6);
  bytes.writeUInt32BE(stamp, 8);
  bytes.set(payload, SEGMENT_HEADER_BYTES);
  return bytes;
}

function decodeSegment(view: Buffer): Segment {
  return {
    type: 'segment',
    final: ((view[1] ?? 0) & FLAG.final) !== 0,
    sequence: view.readUIntBE(2, 6),
    stamp: view.readUInt32BE(8),
    payload: view.subarray(SEGMENT_HEADER_BYTES),
  };
}

function encodeAck({ next, window, echo, complete, ranges }: Ack): Uint8Array {
  const bytes = Buffer.alloc(ACK_HEADER_BYTES + ranges.length * RANGE_BYTES);
  bytes[0] = KIND.ack;
  bytes[1] = (complete ? FLAG.complete : 0) | (echo === undefined ? 0 : FLAG.echo);
  bytes.writeUIntBE(next, 2, 6);
  bytes.writeUInt32BE(window, 8);
  bytes.writeUInt32BE(echo ?? 0, 12);
  bytes[16] = ranges.length;
  ranges.forEach(({ first, last }, index) => {
    bytes.writeUInt16BE(first - next, ACK_HEADER_BYTES + index * RANGE_BYTES);
    bytes.writeUInt16BE(last - next, ACK_HEADER_BYTES + index * RANGE_BYTES + 2);
  });
  return bytes;
}

function decodeAck(view: Buffer): Ack | undefined {
  if (view.length < ACK_HEADER_BYTES) return undefined;
  const count = view[16] ?? 0;
  if (view.length !== ACK_HEADER_BYTES + count * RANGE_BYTES) return undefined;
  const flags = view[1] ?? 0;
  const next = view.readUIntBE(2, 6);
  const ranges: SequenceRange[] = [];
  for (let offset = ACK_HEADER_BYTES; offset < view.length; offset += RANGE_BYTES) {
    const first = next + view.readUInt16BE(offset);
    const last = next + view.readUInt16BE(offset + 2);
    if (last < first) return undefined;
    ranges.push({ first, last });
  }
  return {
    type: 'ack',
    next,
    window: view.readUInt32BE(8),
    echo: (flags & FLAG.echo) === 0 ? undefined : view.readUInt32BE(12),
    complete: (flags & FLAG.complete) !== 0,
    ranges,
  };
}
