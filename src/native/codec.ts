import { isIPv4, isIPv6 } from 'node:net';
import { endianness } from 'node:os';
import { addressBytes, addressFromBytes, type TransportAddress } from '../address.js';
import { TurnpikeError } from '../errors.js';
import type { EndpointReport, EndpointSpec } from './endpoints.js';
import type { DataPlaneEvent } from './events.js';
import {
  DATA_PLANE_LIMITS,
  ENDPOINT_COMMAND,
  ENDPOINT_KIND_NUMBERS,
  ENDPOINT_REPORT,
  FIVE_TUPLE,
  FLOW_COMMAND,
  HEARD_NUMBERS,
  PUNTED_DATAGRAM,
  PUNTED_EVENT,
  PuntKind,
  REMOTE_RELAY_COMMAND,
  TRANSPORT_ADDRESS,
  TRUNK_KEY,
  TRUNK_PATH,
} from './interface.js';
import { isTransportHandle, listenerHandle, type TransportHandle } from './transport-handle.js';
import type {
  DataPlaneBatch,
  FiveTuple,
  Heard,
  PuntedDatagram,
  RemoteRelayEntry,
} from './types.js';

/** Whether the host is little-endian. Layouts are in host byte order. */
const LITTLE_ENDIAN = endianness() === 'LE';

const EVENT_KINDS: ReadonlySet<number | undefined> = new Set([
  PuntKind.ProbeReply,
  PuntKind.UnboundIndex,
  PuntKind.PathProbeReply,
  PuntKind.ClientMoved,
]);

const REPORT_KINDS: ReadonlySet<number | undefined> = new Set([
  PuntKind.EndpointOpened,
  PuntKind.EndpointClosed,
  PuntKind.EndpointEnded,
  PuntKind.IcmpError,
]);

/** The values of `Heard` by their numbers in HEARD_NUMBERS. */
export const HEARD = Object.keys(HEARD_NUMBERS) as readonly Heard[];

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

function setAddress(
  bytes: Uint8Array,
  view: DataView,
  offset: number,
  { address, port }: TransportAddress,
): void {
  if (!isU16(port)) {
    throw new TurnpikeError('ERR_TURNPIKE_ADDRESS', `not a port number: ${port}`);
  }
  setIp(bytes, offset + TRANSPORT_ADDRESS.at.ip, address);
  view.setUint16(offset + TRANSPORT_ADDRESS.at.port, port, LITTLE_ENDIAN);
}

/** Writes the arguments of the next native call into memory that the addon reads. */
export class Scratch {
  readonly bytes: Uint8Array;
  readonly #view: DataView;

  constructor() {
    this.bytes = new Uint8Array(DATA_PLANE_LIMITS.scratchBytes);
    this.#view = new DataView(this.bytes.buffer);
  }

  /**
   * Writes the 5-tuple of the next call.
   * @throws TurnpikeError ERR_TURNPIKE_ADDRESS for an invalid handle, address or port
   */
  tuple(tuple: FiveTuple): void {
    this.#tuple(FLOW_COMMAND.at.tuple, tuple);
  }

  /** The written 5-tuple as a key: equal for equal 5-tuples, however their text was. */
  get tupleKey(): string {
    const { bytes } = FIVE_TUPLE;
    return Buffer.from(this.bytes.buffer, FLOW_COMMAND.at.tuple, bytes).toString('latin1');
  }

  /** Writes the 5-tuple that a flow forwards to. Throws as `tuple`. */
  secondTuple(tuple: FiveTuple): void {
    this.#tuple(FLOW_COMMAND.at.to, tuple);
  }

  /**
   * Writes the endpoint to open. Its kind and worker must be valid.
   * @throws TurnpikeError ERR_TURNPIKE_ADDRESS for an invalid address
   */
  endpoint({ kind, address, worker }: EndpointSpec): void {
    const { at } = ENDPOINT_COMMAND;
    this.#address(at.address, address);
    this.bytes[at.kind] = ENDPOINT_KIND_NUMBERS[kind];
    this.bytes[at.worker] = worker;
  }

  /**
   * Writes a relay. The lengths of its lists must be valid.
   * @throws TurnpikeError ERR_TURNPIKE_ADDRESS for an invalid address
   */
  remoteRelay(entry: RemoteRelayEntry): void {
    const { socket, destination, local, sources, sendKeys, receiveKeys, recordsMax } = entry;
    const { laneSet = 0, bundleBytesMax = 0, lanesClosed = [], paths = [] } = entry;
    const { at } = REMOTE_RELAY_COMMAND;
    const handle = listenerHandle('trunk', socket);
    this.#tuple(at.path, { handle, remote: destination, ...(local !== undefined && { local }) });
    this.#u16(at.sources, sources.length);
    this.#u16(at.sendKeys, sendKeys.length);
    this.#u16(at.receiveKeys, receiveKeys.length);
    this.#u16(at.recordsMax, Math.min(recordsMax, 0xffff));
    this.#u16(at.laneOffset, laneSet * DATA_PLANE_LIMITS.workersMax);
    this.#u16(at.bundleBytesMax, bundleBytesMax);
    const closed = lanesClosed.reduce((bits, worker) => bits | (1 << worker), 0);
    this.#view.setUint32(at.lanesClosed, closed >>> 0, LITTLE_ENDIAN);
    this.#u16(at.paths, paths.length);
    let offset = REMOTE_RELAY_COMMAND.bytes;
    for (const source of sources) {
      this.#address(offset, source);
      offset += TRANSPORT_ADDRESS.bytes;
    }
    for (const { epoch, key } of [...sendKeys, ...receiveKeys]) {
      this.#u16(offset + TRUNK_KEY.at.epoch, epoch);
      this.bytes.set(key, offset + TRUNK_KEY.at.key);
      offset += TRUNK_KEY.bytes;
    }
    for (const path of paths) {
      this.#address(offset + TRUNK_PATH.at.remote, path.remote);
      this.#u16(offset + TRUNK_PATH.at.socket, path.socket);
      this.bytes[offset + TRUNK_PATH.at.heard] = HEARD_NUMBERS[path.heard];
      offset += TRUNK_PATH.bytes;
    }
  }

  #tuple(offset: number, { handle, remote, local }: FiveTuple): void {
    if (!isTransportHandle(handle)) {
      throw new TurnpikeError('ERR_TURNPIKE_ADDRESS', `not a transport handle: ${handle}`);
    }
    this.#address(offset + FIVE_TUPLE.at.remote, remote);
    const localOffset = offset + FIVE_TUPLE.at.local;
    if (local === undefined) this.bytes.fill(0, localOffset, localOffset + 16);
    else setIp(this.bytes, localOffset, local);
    const handleOffset = offset + FIVE_TUPLE.at.handle;
    this.#u16(handleOffset, handle % 2 ** 16);
    this.#u16(handleOffset + 2, Math.floor(handle / 2 ** 16) % 2 ** 16);
    this.#u16(handleOffset + 4, Math.floor(handle / 2 ** 32));
  }

  #address(offset: number, address: TransportAddress): void {
    setAddress(this.bytes, this.#view, offset, address);
  }

  #u16(offset: number, value: number): void {
    this.#view.setUint16(offset, value, LITTLE_ENDIAN);
  }
}

/**
 * Encodes a list of addresses for the addon.
 * @returns a TRANSPORT_ADDRESS for each
 * @throws TurnpikeError ERR_TURNPIKE_ADDRESS for an invalid address
 */
export function encodeAddresses(addresses: readonly TransportAddress[]): Uint8Array {
  const bytes = new Uint8Array(addresses.length * TRANSPORT_ADDRESS.bytes);
  const view = new DataView(bytes.buffer);
  for (const [index, address] of addresses.entries()) {
    setAddress(bytes, view, index * TRANSPORT_ADDRESS.bytes, address);
  }
  return bytes;
}

/**
 * Encodes relayed IP addresses for the addon.
 * @returns a TRANSPORT_ADDRESS with port 0 for the bound and for the advertised address of each
 * @throws TurnpikeError ERR_TURNPIKE_ADDRESS for an invalid address
 */
export function encodeRelayedAddresses(
  addresses: readonly { readonly address: string; readonly advertised?: string | undefined }[],
): Uint8Array {
  return encodeAddresses(
    addresses.flatMap(({ address, advertised = address }) => [
      { address, port: 0 },
      { address: advertised, port: 0 },
    ]),
  );
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

/** The content of a drained buffer. */
export interface DecodedBatch {
  readonly batch: DataPlaneBatch;
  /** Number of records of known senders, including events, and of strangers. */
  readonly known: number;
  readonly strangers: number;
  /** Reports of endpoints. A batch has only these, or none. */
  readonly reports: readonly EndpointReport[];
}

/**
 * Decodes a drained buffer.
 * @param bytes - whole records; the caller may reuse the memory after the call
 * @returns the batch, whose data share one copy, and the number of records of each class
 */
export function decodeBatch(bytes: Uint8Array): DecodedBatch {
  // One copy for the batch: an allocation costs more than the copied bytes.
  const kept = bytes.slice();
  const view = new DataView(kept.buffer);
  const datagrams: PuntedDatagram[] = [];
  const events: DataPlaneEvent[] = [];
  const reports: EndpointReport[] = [];
  for (let offset = 0; offset < kept.length; ) {
    const kind = kept[offset];
    if (EVENT_KINDS.has(kind)) {
      events.push(decodeEvent(kept, view, offset));
      offset += PUNTED_EVENT.bytes;
    } else if (REPORT_KINDS.has(kind)) {
      reports.push(decodeReport(kept, view, offset));
      offset += ENDPOINT_REPORT.bytes;
    } else {
      const dataBytes = view.getUint16(offset + PUNTED_DATAGRAM.at.dataBytes, LITTLE_ENDIAN);
      datagrams.push(decodeDatagram(kept, view, offset, dataBytes));
      offset += PUNTED_DATAGRAM.bytes + ((dataBytes + 7) & ~7);
    }
  }
  const strangers = datagrams.reduce((count, { known }) => (known ? count : count + 1), 0);
  const known = datagrams.length - strangers + events.length;
  return { batch: { datagrams, events }, known, strangers, reports };
}

function decodeDatagram(
  bytes: Uint8Array,
  view: DataView,
  offset: number,
  dataBytes: number,
): PuntedDatagram {
  const data = offset + PUNTED_DATAGRAM.bytes;
  const kind = bytes[offset];
  const stranger = kind === PuntKind.StrangerClientDatagram;
  return {
    side: stranger || kind === PuntKind.ClientDatagram ? 'client' : 'trunk',
    known: kind === PuntKind.ClientDatagram || kind === PuntKind.TrunkDatagram,
    worker: view.getUint8(offset + PUNTED_DATAGRAM.at.worker),
    tuple: decodeTuple(bytes, view, offset),
    data: bytes.subarray(data, data + dataBytes),
  };
}

function decodeTuple(bytes: Uint8Array, view: DataView, offset: number): FiveTuple {
  const { at } = PUNTED_DATAGRAM;
  const handle = Number(view.getBigUint64(offset + at.handle, LITTLE_ENDIAN)) as TransportHandle;
  const port = view.getUint16(offset + at.remotePort, LITTLE_ENDIAN);
  const remote = decodeAddress(bytes, offset + at.remote, port);
  if (isNone(bytes, offset + at.local)) return { handle, remote };
  return { handle, remote, local: decodeAddress(bytes, offset + at.local, 0).address };
}

function decodeReport(bytes: Uint8Array, view: DataView, offset: number): EndpointReport {
  const { at } = ENDPOINT_REPORT;
  const port = view.getUint16(offset + at.port, LITTLE_ENDIAN);
  return {
    kind: view.getUint8(offset + at.kind),
    handle: Number(view.getBigUint64(offset + at.handle, LITTLE_ENDIAN)) as TransportHandle,
    status: view.getUint8(offset + at.status),
    errorNumber: view.getUint32(offset + at.errorNumber, LITTLE_ENDIAN),
    port,
    remote: decodeAddress(bytes, offset + at.remote, port),
    icmpType: view.getUint8(offset + at.icmpType),
    icmpCode: view.getUint8(offset + at.icmpCode),
    icmpInfo: view.getUint32(offset + at.icmpInfo, LITTLE_ENDIAN),
  };
}

function decodeEvent(bytes: Uint8Array, view: DataView, offset: number): DataPlaneEvent {
  const kind = bytes[offset];
  const { at } = PUNTED_EVENT;
  const relayIndex = view.getUint32(offset + at.relayIndex, LITTLE_ENDIAN);
  const number = view.getUint32(offset + at.number, LITTLE_ENDIAN);
  if (kind === PuntKind.UnboundIndex) {
    return { type: 'unbound-index', relayIndex, sessionIndex: number };
  }
  if (kind === PuntKind.ClientMoved) return { type: 'client-moved', number };
  const rttNs = Number(view.getBigUint64(offset + at.rttNs, LITTLE_ENDIAN));
  if (kind === PuntKind.ProbeReply) return { type: 'probe-reply', relayIndex, number, rttNs };
  const received = bytes[offset + at.received] ?? 0;
  return {
    type: 'path-probe-reply',
    relayIndex,
    number,
    rttNs,
    socket: view.getUint16(offset + at.socket, LITTLE_ENDIAN),
    remote: decodeAddress(
      bytes,
      offset + at.remote,
      view.getUint16(offset + at.remotePort, LITTLE_ENDIAN),
    ),
    heard: HEARD[bytes[offset + at.heard] ?? 0] ?? 'unknown',
    received: received === 0 ? undefined : received - 1,
  };
}
