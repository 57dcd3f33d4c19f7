import { isIPv4, isIPv6 } from 'node:net';
import { endianness } from 'node:os';
import { addressBytes, addressFromBytes, type TransportAddress } from '../address.js';
import { TurnpikeError } from '../errors.js';
import { isTransportHandle, listenerHandle, type TransportHandle } from './transport-handle.js';
import type {
  DataPlaneBatch,
  DataPlaneEvent,
  FiveTuple,
  Heard,
  PuntedDatagram,
  TrunkKey,
  TrunkPeer,
} from './types.js';

/** Layouts shared with native/binding/scratch.cc and native/io/punt_queue.h, in host byte order. */
const LITTLE_ENDIAN = endianness() === 'LE';

/** Bytes of one address in a list of them: IP (16, IPv4 mapped), port (16 bits). */
const ENDPOINT_BYTES = 18;
/** Where a second 5-tuple, or the counts of a relay's lists, start. */
const SECOND_OFFSET = 40;
const LISTS_OFFSET = 60;
/** Bytes of a way behind its endpoint. */
const WAY_TAIL_BYTES = 4;
/** Workers at most, and so lanes that one set of them has (native/base/limits.h). */
const LANES_OF_SET = 16;
/** Bytes before the data of a punted datagram, and of a punted event. */
const PUNT_HEAD_BYTES = 48;
const EVENT_BYTES = 40;

const PuntKind = {
  ClientDatagram: 0,
  TrunkDatagram: 1,
  ProbeReply: 2,
  UnboundIndex: 3,
  StrangerClientDatagram: 4,
  StrangerTrunkDatagram: 5,
  PathProbeReply: 6,
} as const;

const EVENT_KINDS: ReadonlySet<number | undefined> = new Set([
  PuntKind.ProbeReply,
  PuntKind.UnboundIndex,
  PuntKind.PathProbeReply,
]);

/** In the order of their numbers on the wire (PROTOCOL.md section 4). */
const HEARD: readonly Heard[] = ['unknown', 'answered', 'unanswered'];

function setIpv4(bytes: Uint8Array, offset: number, text: string): void {
  bytes.fill(0, offset, offset + 10);
  bytes.fill(0xff, offset + 10, offset + 12);
  let at = offset + 12;
  let value = 0;
  for (let i = 0; i < text.length; i++) {
    const digit = text.charCodeAt(i) - 48;
    if (digit >= 0) {
      value = value * 10 + digit;
    } else {
      bytes[at++] = value;
      value = 0;
    }
  }
  bytes[at] = value;
}

function setIp(bytes: Uint8Array, offset: number, text: string): void {
  if (isIPv4(text)) {
    setIpv4(bytes, offset, text);
  } else if (isIPv6(text) && !text.includes('%')) {
    bytes.set(addressBytes({ address: text, port: 0 }), offset);
  } else {
    throw new TurnpikeError('ERR_TURNPIKE_ADDRESS', `not an IP address: ${JSON.stringify(text)}`);
  }
}

function isU16(value: number): boolean {
  return Number.isInteger(value) && value >= 0 && value <= 0xffff;
}

/** Writes what the next native call is about into memory that the addon reads. */
export class Scratch {
  readonly bytes: Uint8Array;
  readonly #view: DataView;

  /** @param bytesMax - the addon's size of it */
  constructor(bytesMax: number) {
    this.bytes = new Uint8Array(bytesMax);
    this.#view = new DataView(this.bytes.buffer);
  }

  /**
   * Writes the 5-tuple that the next call is about.
   * @throws TurnpikeError ERR_TURNPIKE_ADDRESS when it is none
   */
  tuple(tuple: FiveTuple): void {
    this.#tuple(0, tuple);
  }

  /** Writes the 5-tuple that a flow leads to. Throws as `tuple` does. */
  secondTuple(tuple: FiveTuple): void {
    this.#tuple(SECOND_OFFSET, tuple);
  }

  /**
   * Writes a relay; the lengths of its lists were checked.
   * @throws TurnpikeError ERR_TURNPIKE_ADDRESS when an address is none
   */
  trunkPeer(peer: TrunkPeer): void {
    const { socket, destination, local, sources, sendKeys, receiveKeys, recordsMax } = peer;
    const { laneSet = 0, bundleBytesMax = 0, lanesClosed = [], ways = [] } = peer;
    const handle = listenerHandle('trunk', socket);
    this.#tuple(0, { handle, remote: destination, ...(local !== undefined && { local }) });
    this.#u16(SECOND_OFFSET, sources.length);
    this.#u16(SECOND_OFFSET + 2, sendKeys.length);
    this.#u16(SECOND_OFFSET + 4, receiveKeys.length);
    this.#u16(SECOND_OFFSET + 6, Math.min(recordsMax, 0xffff));
    this.#u16(SECOND_OFFSET + 8, laneSet * LANES_OF_SET);
    this.#u16(SECOND_OFFSET + 10, bundleBytesMax);
    const closed = lanesClosed.reduce((bits, worker) => bits | (1 << worker), 0);
    this.#view.setUint32(SECOND_OFFSET + 12, closed >>> 0, LITTLE_ENDIAN);
    this.#u16(SECOND_OFFSET + 16, ways.length);
    let offset = LISTS_OFFSET;
    for (const source of sources) offset = this.#endpoint(offset, source);
    for (const key of [...sendKeys, ...receiveKeys]) offset = this.#key(offset, key);
    for (const way of ways) {
      offset = this.#endpoint(offset, way.remote);
      this.#u16(offset, way.socket);
      this.#u16(offset + 2, HEARD.indexOf(way.heard));
      offset += WAY_TAIL_BYTES;
    }
  }

  #tuple(offset: number, { handle, remote, local }: FiveTuple): void {
    if (!isTransportHandle(handle)) {
      throw new TurnpikeError('ERR_TURNPIKE_ADDRESS', `not a transport handle: ${handle}`);
    }
    const localOffset = this.#endpoint(offset, remote);
    if (local === undefined) this.bytes.fill(0, localOffset, localOffset + 16);
    else setIp(this.bytes, localOffset, local);
    this.#u16(localOffset + 16, handle % 2 ** 16);
    this.#u16(localOffset + 18, Math.floor(handle / 2 ** 16) % 2 ** 16);
    this.#u16(localOffset + 20, Math.floor(handle / 2 ** 32));
  }

  #endpoint(offset: number, { address, port }: TransportAddress): number {
    if (!isU16(port)) {
      throw new TurnpikeError('ERR_TURNPIKE_ADDRESS', `not a port number: ${port}`);
    }
    setIp(this.bytes, offset, address);
    this.#u16(offset + 16, port);
    return offset + ENDPOINT_BYTES;
  }

  #key(offset: number, { epoch, key }: TrunkKey): number {
    this.#u16(offset, epoch);
    this.bytes.set(key, offset + 2);
    return offset + 2 + key.length;
  }

  #u16(offset: number, value: number): void {
    this.#view.setUint16(offset, value, LITTLE_ENDIAN);
  }
}

/**
 * A list of addresses as the addon takes it.
 * @throws TurnpikeError ERR_TURNPIKE_ADDRESS when one is no address
 */
export function encodeAddresses(addresses: readonly TransportAddress[]): Uint8Array {
  const bytes = new Uint8Array(addresses.length * ENDPOINT_BYTES);
  const view = new DataView(bytes.buffer);
  for (const [index, { address, port }] of addresses.entries()) {
    if (!isU16(port)) {
      throw new TurnpikeError('ERR_TURNPIKE_ADDRESS', `not a port number: ${port}`);
    }
    setIp(bytes, index * ENDPOINT_BYTES, address);
    view.setUint16(index * ENDPOINT_BYTES + 16, port, LITTLE_ENDIAN);
  }
  return bytes;
}

function isMapped(bytes: Uint8Array, offset: number): boolean {
  if (bytes[offset + 10] !== 0xff || bytes[offset + 11] !== 0xff) return false;
  for (let i = offset; i < offset + 10; i++) if (bytes[i] !== 0) return false;
  return true;
}

function isNone(bytes: Uint8Array, offset: number): boolean {
  for (let i = offset; i < offset + 16; i++) if (bytes[i] !== 0) return false;
  return true;
}

function decodeAddress(bytes: Uint8Array, offset: number, port: number): TransportAddress {
  if (!isMapped(bytes, offset)) return addressFromBytes(bytes.subarray(offset, offset + 16), port);
  const [a, b] = [bytes[offset + 12], bytes[offset + 13]];
  return { address: `${a}.${b}.${bytes[offset + 14]}.${bytes[offset + 15]}`, port };
}

/** What `drain` copied. */
export interface DecodedBatch {
  readonly batch: DataPlaneBatch;
  /** Records of known senders, with the events, and of strangers. */
  readonly known: number;
  readonly strangers: number;
}

/**
 * Decodes what `drain` copied.
 * @param bytes - whole records; not looked at after the call
 * @returns the batch, whose data share one copy, and how many records it came from
 */
export function decodeBatch(bytes: Uint8Array): DecodedBatch {
  // One copy for all: each piece of memory costs more than what lies in it.
  const kept = bytes.slice();
  const view = new DataView(kept.buffer);
  const datagrams: PuntedDatagram[] = [];
  const events: DataPlaneEvent[] = [];
  for (let offset = 0; offset < kept.length; ) {
    const kind = kept[offset];
    if (EVENT_KINDS.has(kind)) {
      events.push(decodeEvent(kept, view, offset));
      offset += EVENT_BYTES;
    } else {
      const dataBytes = view.getUint16(offset + 4, LITTLE_ENDIAN);
      datagrams.push(decodeDatagram(kept, view, offset, dataBytes));
      offset += PUNT_HEAD_BYTES + ((dataBytes + 7) & ~7);
    }
  }
  const strangers = datagrams.reduce((count, { known }) => (known ? count : count + 1), 0);
  const known = datagrams.length - strangers + events.length;
  return { batch: { datagrams, events }, known, strangers };
}

function decodeDatagram(
  bytes: Uint8Array,
  view: DataView,
  offset: number,
  dataBytes: number,
): PuntedDatagram {
  const data = offset + PUNT_HEAD_BYTES;
  const kind = bytes[offset];
  const stranger = kind === PuntKind.StrangerClientDatagram;
  return {
    side: stranger || kind === PuntKind.ClientDatagram ? 'client' : 'trunk',
    known: kind === PuntKind.ClientDatagram || kind === PuntKind.TrunkDatagram,
    worker: view.getUint8(offset + 1),
    tuple: decodeTuple(bytes, view, offset),
    data: bytes.subarray(data, data + dataBytes),
  };
}

function decodeTuple(bytes: Uint8Array, view: DataView, offset: number): FiveTuple {
  const port = view.getUint16(offset + 2, LITTLE_ENDIAN);
  const handle = Number(view.getBigUint64(offset + 8, LITTLE_ENDIAN)) as TransportHandle;
  const remote = decodeAddress(bytes, offset + 16, port);
  if (isNone(bytes, offset + 32)) return { handle, remote };
  return { handle, remote, local: decodeAddress(bytes, offset + 32, 0).address };
}

function decodeEvent(bytes: Uint8Array, view: DataView, offset: number): DataPlaneEvent {
  const kind = bytes[offset];
  const relayIndex = view.getUint32(offset + 4, LITTLE_ENDIAN);
  const number = view.getUint32(offset + 8, LITTLE_ENDIAN);
  if (kind === PuntKind.UnboundIndex) {
    return { type: 'unbound-index', relayIndex, sessionIndex: number };
  }
  const rttNs = Number(view.getBigUint64(offset + 16, LITTLE_ENDIAN));
  if (kind === PuntKind.ProbeReply) return { type: 'probe-reply', relayIndex, number, rttNs };
  return {
    type: 'path-probe-reply',
    relayIndex,
    number,
    rttNs,
    socket: view.getUint16(offset + 14, LITTLE_ENDIAN),
    remote: decodeAddress(bytes, offset + 24, view.getUint16(offset + 12, LITTLE_ENDIAN)),
    heard: HEARD[bytes[offset + 1] ?? 0] ?? 'unknown',
  };
}
