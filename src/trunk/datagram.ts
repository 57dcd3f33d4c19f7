import { timingSafeEqual } from 'node:crypto';
import type { Heard } from '../native/types.js';
import { sipHash24 } from './sip-hash.js';

/** Version in the upper half of a datagram's first byte (PROTOCOL.md section 4). */
const VERSION = 1;
const HEADER_BYTES = 20;
const RECORD_HEADER_BYTES = 8;
const PROBE_BODY_BYTES = 12;
const PATH_PROBE_BODY_BYTES = 16;
/** Length of a path probe without padding, and of its reply, bytes. */
export const PATH_PROBE_BYTES = HEADER_BYTES + PATH_PROBE_BODY_BYTES;
/** Length of the header's part that the tag covers; the tag follows it. */
const TAGGED_HEADER_BYTES = 12;

const TYPES = {
  data: 1,
  probe: 2,
  'probe-reply': 3,
  'path-probe': 4,
  'path-probe-reply': 5,
} as const;

/** Indexed by the number on the wire; other numbers mean `unknown`. */
const HEARD: readonly Heard[] = ['unknown', 'answered', 'unanswered'];

/** One payload of one connection. */
export interface TrunkRecord {
  readonly sessionIndex: number;
  /** Number of the record in its direction of the connection, modulo 65,536. */
  readonly sessionSequence: number;
  readonly payload: Uint8Array;
}

interface TrunkHeader {
  /** The sender's sending context, 0 to 255. */
  readonly lane: number;
  /** Whole days since 2026-01-01 UTC. */
  readonly epoch: number;
  /** 64 bits, counted per lane. */
  readonly sequence: bigint;
}

/** A decoded trunk datagram, without its tag. */
export type TrunkDatagram =
  | (TrunkHeader & { readonly type: 'data'; readonly records: readonly TrunkRecord[] })
  | (TrunkHeader & {
      readonly type: 'probe' | 'probe-reply';
      readonly timestampNs: bigint;
      readonly number: number;
    })
  | (TrunkHeader & {
      readonly type: 'path-probe' | 'path-probe-reply';
      readonly timestampNs: bigint;
      readonly number: number;
      /** Whether the sender gets replies to its own probes on this path. */
      readonly heard: Heard;
      /** UDP payload of the probe with padding, bytes. */
      readonly probeBytes: number;
      /** Byte 33 if not 0: in a reply one more than the number of probes received, modulo 255. */
      readonly received?: number;
    });

/** Why bytes are not a trunk datagram, as the data plane's counters name it. */
export type TrunkDatagramFault =
  | 'trunk_unknown_protocol'
  | 'trunk_unknown_type'
  | 'trunk_malformed';

/** A decoded datagram, or why it is none. */
export type DecodedTrunkDatagram =
  | { readonly ok: true; readonly datagram: TrunkDatagram }
  | { readonly ok: false; readonly fault: TrunkDatagramFault };

const view = (bytes: Uint8Array) => new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);

/**
 * Decodes a trunk datagram without verifying its tag. Never throws.
 * @param bytes - the UDP payload; the payloads of records are views of it
 */
export function decodeTrunkDatagram(bytes: Uint8Array): DecodedTrunkDatagram {
  const first = bytes[0] ?? 0;
  if (first >> 4 !== VERSION) return { ok: false, fault: 'trunk_unknown_protocol' };
  if (bytes.length < HEADER_BYTES) return { ok: false, fault: 'trunk_malformed' };
  const at = view(bytes);
  const header = { lane: at.getUint8(1), epoch: at.getUint16(2), sequence: at.getBigUint64(4) };
  switch (first & 0x0f) {
    case TYPES.data: {
      const records = decodeRecords(bytes);
      if (records === undefined) break;
      return { ok: true, datagram: { type: 'data', ...header, records } };
    }
    case TYPES.probe:
    case TYPES['probe-reply']: {
      if (bytes.length !== HEADER_BYTES + PROBE_BODY_BYTES) break;
      const type = (first & 0x0f) === TYPES.probe ? 'probe' : 'probe-reply';
      const timestampNs = at.getBigUint64(HEADER_BYTES);
      const number = at.getUint32(HEADER_BYTES + 8);
      return { ok: true, datagram: { type, ...header, timestampNs, number } };
    }
    case TYPES['path-probe']:
    case TYPES['path-probe-reply']: {
      if (bytes.length < PATH_PROBE_BYTES) break;
      const type = (first & 0x0f) === TYPES['path-probe'] ? 'path-probe' : 'path-probe-reply';
      const timestampNs = at.getBigUint64(HEADER_BYTES);
      const number = at.getUint32(HEADER_BYTES + 8);
      const heard = HEARD[at.getUint8(HEADER_BYTES + 12)] ?? 'unknown';
      const probeBytes = at.getUint16(HEADER_BYTES + 14);
      if (bytes.length !== (type === 'path-probe' ? probeBytes : PATH_PROBE_BYTES)) break;
      const received = at.getUint8(HEADER_BYTES + 13);
      const probe = { type, ...header, timestampNs, number, heard, probeBytes } as const;
      return { ok: true, datagram: received === 0 ? probe : { ...probe, received } };
    }
    default:
      return { ok: false, fault: 'trunk_unknown_type' };
  }
  return { ok: false, fault: 'trunk_malformed' };
}

/**
 * Decodes the records; undefined unless there is at least one and they fill the datagram exactly.
 */
function decodeRecords(bytes: Uint8Array): TrunkRecord[] | undefined {
  const at = view(bytes);
  const records: TrunkRecord[] = [];
  let offset = HEADER_BYTES;
  while (offset < bytes.length) {
    const start = offset + RECORD_HEADER_BYTES;
    if (start > bytes.length) return undefined;
    const end = start + at.getUint16(offset + 4);
    if (end > bytes.length) return undefined;
    records.push({
      sessionIndex: at.getUint32(offset),
      sessionSequence: at.getUint16(offset + 6),
      payload: bytes.subarray(start, end),
    });
    offset = end;
  }
  return records.length > 0 ? records : undefined;
}

/**
 * Returns the tag: SipHash-2-4 over bytes 0-11 and every record header, or over bytes 0-11 and the
 * probe's body without padding.
 * @param bytes - the datagram, with any tag
 * @param datagram - the same, decoded
 * @param key - 16 bytes
 */
function trunkTag(bytes: Uint8Array, datagram: TrunkDatagram, key: Uint8Array): Uint8Array {
  const parts = [bytes.subarray(0, TAGGED_HEADER_BYTES)];
  if (datagram.type === 'data') {
    let offset = HEADER_BYTES;
    for (const { payload } of datagram.records) {
      parts.push(bytes.subarray(offset, offset + RECORD_HEADER_BYTES));
      offset += RECORD_HEADER_BYTES + payload.length;
    }
  } else {
    const isPathProbe = datagram.type === 'path-probe' || datagram.type === 'path-probe-reply';
    const bodyEnd = HEADER_BYTES + (isPathProbe ? PATH_PROBE_BODY_BYTES : PROBE_BODY_BYTES);
    parts.push(bytes.subarray(HEADER_BYTES, bodyEnd));
  }
  return sipHash24(key, Buffer.concat(parts));
}

/**
 * Returns whether a datagram has the right tag, compared in constant time.
 * @param bytes - the UDP payload
 * @param datagram - the result of `decodeTrunkDatagram`
 * @param key - data key of its direction and epoch, 16 bytes
 */
export function verifyTrunkTag(
  bytes: Uint8Array,
  datagram: TrunkDatagram,
  key: Uint8Array,
): boolean {
  const tag = bytes.subarray(TAGGED_HEADER_BYTES, HEADER_BYTES);
  return timingSafeEqual(tag, trunkTag(bytes, datagram, key));
}
