/** Version of the frames, sent in the hello. Version 1 had no hello and no flow numbers. */
export const FRAMES_VERSION = 2;

/** The end of the flows: `listen` has the applications, `forward` the service. */
export type FlowEnd = 'listen' | 'forward';

/**
 * Frames of a UDP tunnel (docs/udp-tunnel.md). All but hello have a sequence number that increases
 * by one with each frame. Datagrams keep their boundaries. They are not encrypted.
 */
export type UdpFrame =
  | {
      readonly type: 'hello';
      readonly version: number;
      readonly end: FlowEnd;
      /** Whether the sender has received a hello that repeats its own instance. */
      readonly ready: boolean;
      /** Random 32 bits, constant while the sender's process runs. */
      readonly instance: number;
      /** The receiver's instance as the sender last received it; 0 before. */
      readonly echo: number;
    }
  | {
      readonly type: 'data';
      readonly sequence: number;
      /** 16 bits: assigned by the listening side. */
      readonly flow: number;
      readonly payload: Uint8Array;
    }
  | {
      /** The listening side has no such flow any more. */
      readonly type: 'end';
      readonly sequence: number;
      readonly flow: number;
    }
  | { readonly type: 'ping'; readonly sequence: number; readonly stamp: number }
  | {
      readonly type: 'pong';
      readonly sequence: number;
      /** The ping's stamp. */
      readonly stamp: number;
      /** Number of frames that were sent to the sender of the pong, modulo 2^32. */
      readonly expected: number;
      /** Number of these that it has received, modulo 2^32. */
      readonly received: number;
    };

/** The origin of a payload that is not a frame of this version. */
export type ForeignFrame = 'stream' | 'version-1' | 'unknown';

/** Length of a data frame's header, bytes. */
export const FRAME_HEADER_BYTES = 7;

const TYPE = { hello: 0x20, data: 0x21, ping: 0x22, pong: 0x23, end: 0x24 } as const;
const HELLO_BYTES = 12;
const PING_BYTES = 9;
const PONG_BYTES = 17;
const LENGTHS = {
  data: FRAME_HEADER_BYTES,
  end: FRAME_HEADER_BYTES,
  ping: PING_BYTES,
  pong: PONG_BYTES,
} as const;
const ENDS: readonly FlowEnd[] = ['listen', 'forward'];

/** Encodes a frame; `decodeFrame` decodes it. */
export function encodeFrame(frame: UdpFrame): Uint8Array {
  if (frame.type === 'hello') return encodeHello(frame);
  const length = LENGTHS[frame.type];
  const payload = frame.type === 'data' ? frame.payload : new Uint8Array();
  const bytes = Buffer.allocUnsafe(length + payload.length);
  bytes[0] = TYPE[frame.type];
  bytes.writeUInt32BE(frame.sequence, 1);
  if ('flow' in frame) bytes.writeUInt16BE(frame.flow, 5);
  else bytes.writeUInt32BE(frame.stamp, 5);
  if (frame.type === 'pong') {
    bytes.writeUInt32BE(frame.expected, 9);
    bytes.writeUInt32BE(frame.received, 13);
  }
  bytes.set(payload, length);
  return bytes;
}

function encodeHello(frame: UdpFrame & { type: 'hello' }): Uint8Array {
  const bytes = Buffer.alloc(HELLO_BYTES);
  bytes[0] = TYPE.hello;
  bytes[1] = frame.version;
  bytes[2] = ENDS.indexOf(frame.end);
  bytes[3] = frame.ready ? 1 : 0;
  bytes.writeUInt32BE(frame.instance, 4);
  bytes.writeUInt32BE(frame.echo, 8);
  return bytes;
}

/** Decodes a frame; undefined for other bytes, which `foreignFrame` classifies. */
export function decodeFrame(bytes: Uint8Array): UdpFrame | undefined {
  const view = Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  if (view[0] === TYPE.hello) return decodeHello(view);
  if (view.length < FRAME_HEADER_BYTES) return undefined;
  const sequence = view.readUInt32BE(1);
  switch (view[0]) {
    case TYPE.data: {
      const flow = view.readUInt16BE(5);
      return { type: 'data', sequence, flow, payload: view.subarray(FRAME_HEADER_BYTES) };
    }
    case TYPE.end:
      if (view.length !== FRAME_HEADER_BYTES) return undefined;
      return { type: 'end', sequence, flow: view.readUInt16BE(5) };
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

/** Decodes a hello. Later versions may have a longer one with the same beginning. */
function decodeHello(view: Buffer): UdpFrame | undefined {
  if (view.length < HELLO_BYTES) return undefined;
  const end = ENDS[view[2] ?? ENDS.length];
  const version = view[1] ?? 0;
  if (end === undefined) return undefined;
  if (version === FRAMES_VERSION && view.length !== HELLO_BYTES) return undefined;
  return {
    type: 'hello',
    version,
    end,
    ready: view[3] === 1,
    instance: view.readUInt32BE(4),
    echo: view.readUInt32BE(8),
  };
}

/** Returns the origin of a payload that `decodeFrame` does not decode, by its type byte. */
export function foreignFrame(bytes: Uint8Array): ForeignFrame {
  const [type = 0] = bytes;
  if (type === 0x01 || type === 0x02) return 'stream';
  return type >= 0x10 && type <= 0x12 ? 'version-1' : 'unknown';
}

/**
 * Returns whether a payload is a frame of a UDP tunnel of any version. A byte stream asks it about
 * a payload that is not its own.
 */
export function isUdpFrame(bytes: Uint8Array): boolean {
  const [type = 0] = bytes;
  return type >= 0x10 && type <= 0x2f;
}
