import type { Heard } from '../../src/native/types.js';
import type { TrunkDatagram, TrunkRecord } from '../../src/trunk/datagram.js';
import { sipHash24 } from '../../src/trunk/sip-hash.js';

// Encodes by PROTOCOL.md section 4 independently of src, to test the decoder and the data plane.
const VERSION = 1;
const HEADER_BYTES = 20;
/** The part of the header that the tag covers; the tag follows it. */
const TAGGED_HEADER_BYTES = 12;
const RECORD_HEADER_BYTES = 8;
const PROBE_BODY_BYTES = 12;
const PATH_PROBE_BODY_BYTES = 16;

const TYPES = {
  data: 1,
  probe: 2,
  'probe-reply': 3,
  'path-probe': 4,
  'path-probe-reply': 5,
} as const;

/** The values in the order of their numbers. */
const HEARD: readonly Heard[] = ['unknown', 'answered', 'unanswered'];

/**
 * Encodes a trunk datagram and tags it, as the data plane does.
 * @param datagram - the datagram; if of type `data`, with at least one record
 * @param key - the data key of its direction and epoch, 16 bytes
 * @returns a Uint8Array, whose `slice` copies; that of a Buffer does not
 */
export function encodeTrunkDatagram(datagram: TrunkDatagram, key: Uint8Array): Uint8Array {
  const header = Buffer.alloc(TAGGED_HEADER_BYTES);
  header.writeUInt8((VERSION << 4) | TYPES[datagram.type], 0);
  header.writeUInt8(datagram.lane, 1);
  header.writeUInt16BE(datagram.epoch, 2);
  header.writeBigUInt64BE(datagram.sequence, 4);
  if (datagram.type === 'data') {
    const records = datagram.records.map((record) => [recordHeader(record), record.payload]);
    const tagged = [header, ...records.map(([head]) => head as Uint8Array)];
    return new Uint8Array(Buffer.concat([header, tag(tagged, key), ...records.flat()]));
  }
  const body = probeBody(datagram);
  const padding = datagram.type === 'path-probe' ? datagram.probeBytes - HEADER_BYTES : 0;
  const padded = Buffer.alloc(Math.max(padding - body.length, 0));
  return new Uint8Array(Buffer.concat([header, tag([header, body], key), body, padded]));
}

function recordHeader({ sessionIndex, sessionSequence, payload }: TrunkRecord): Uint8Array {
  const bytes = Buffer.alloc(RECORD_HEADER_BYTES);
  bytes.writeUInt32BE(sessionIndex, 0);
  bytes.writeUInt16BE(payload.length, 4);
  bytes.writeUInt16BE(sessionSequence, 6);
  return bytes;
}

function probeBody(datagram: Exclude<TrunkDatagram, { type: 'data' }>): Uint8Array {
  const isPathProbe = datagram.type === 'path-probe' || datagram.type === 'path-probe-reply';
  const bytes = Buffer.alloc(isPathProbe ? PATH_PROBE_BODY_BYTES : PROBE_BODY_BYTES);
  bytes.writeBigUInt64BE(datagram.timestampNs, 0);
  bytes.writeUInt32BE(datagram.number, 8);
  if (isPathProbe) {
    bytes.writeUInt8(HEARD.indexOf(datagram.heard), 12);
    bytes.writeUInt8(datagram.received ?? 0, 13);
    bytes.writeUInt16BE(datagram.probeBytes, 14);
  }
  return bytes;
}

function tag(parts: readonly Uint8Array[], key: Uint8Array): Uint8Array {
  return sipHash24(key, Buffer.concat(parts));
}
