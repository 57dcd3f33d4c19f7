/**
 * Frames of UDP mode: a type, a counter that every frame raises, and what the type needs.
 * Datagrams keep their bounds and get no protection: they are the application's to encrypt.
 */
export type DatagramFrame =
  | { readonly type: 'data'; readonly sequence: number; readonly payload: Uint8Array }
  | { readonly type: 'ping'; readonly sequence: number; readonly stamp: number }
  | {
      readonly type: 'pong';
      readonly sequence: number;
      /** The ping's. */
      readonly stamp: number;
      /** Frames that the answering side should have and has received, modulo 2^32. */
      readonly expected: number;
      readonly received: number;
    };

/** Bytes before the payload of a data frame. */
export const FRAME_HEADER_BYTES = 5;

const TYPE = { data: 0x10, ping: 0x11, pong: 0x12 } as const;
const PING_BYTES = 9;
const PONG_BYTES = 17;

/** A frame in bytes; `decodeFrame` is its inverse. */
export function encodeFrame(frame: DatagramFrame): Uint8Array {
  const length = { data: FRAME_HEADER_BYTES, ping: PING_BYTES, pong: PONG_BYTES }[frame.type];
  const payload = frame.type === 'data' ? frame.payload : new Uint8Array();
  const bytes = Buffer.allocUnsafe(length + payload.length);
  bytes[0] = TYPE[frame.type];
  bytes.writeUInt32BE(frame.sequence, 1);
  if (frame.type !== 'data') bytes.writeUInt32BE(frame.stamp, 5);
  if (frame.type === 'pong') {
    bytes.writeUInt32BE(frame.expected, 9);
    bytes.writeUInt32BE(frame.received, 13);
  }
  bytes.set(payload, length);
  return bytes;
}

/** @returns undefined when the bytes are no frame */
export function decodeFrame(bytes: Uint8Array): DatagramFrame | undefined {
  if (bytes.length < FRAME_HEADER_BYTES) return undefined;
  const view = Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  const sequence = view.readUInt32BE(1);
  switch (view[0]) {
    case TYPE.data:
      return { type: 'data', sequence, payload: view.subarray(FRAME_HEADER_BYTES) };
    case TYPE.ping:
      if (view.length !== PING_BYTES) return undefined;
      return { type: 'ping', sequence, stamp: view.readUInt32BE(5) };
    case TYPE.pong:
      if (view.length !== PONG_BYTES) return undefined;
      return {
        type: 'pong',
        sequence,
        stamp: view.readUInt32BE(5),
        expected: view.readUInt32BE(9),
        received: view.readUInt32BE(13),
      };
    default:
      return undefined;
  }
}
