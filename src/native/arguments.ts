import { isWildcard } from '../address.js';
import { TurnpikeError } from '../errors.js';
import { CHANNEL_MAX, CHANNEL_MIN } from '../stun/channel-data.js';
import type { EndpointSpec } from './endpoints.js';
import { DATA_PLANE_LIMITS, ENDPOINT_KIND_NUMBERS, EVERY_WORKER } from './interface.js';
import { BANDWIDTH_MAX } from './option-specs.js';
import { isTransportHandle, type TransportHandle, workerOf } from './transport-handle.js';
import type { ClientFlow, FiveTuple, RemoteRelayEntry, TrunkKey } from './types.js';

const KEY_BYTES = 16;
const U16_MAX = 0xffff;
const U32_MAX = 0xffff_ffff;

/** Sizes of an open plane, used to check calls. */
export interface PlaneSizes {
  readonly workers: number;
  readonly sessionsMax: number;
  readonly remoteRelaysMax: number;
}

/**
 * Checks the arguments of a data plane's calls before the addon gets them. Each method throws
 * TurnpikeError ERR_TURNPIKE_ARGUMENT, which names the value and its bounds.
 */
export class ArgumentChecks {
  readonly #sizes: PlaneSizes;
  readonly #sessionSlots: number;

  constructor(sizes: PlaneSizes) {
    this.#sizes = sizes;
    this.#sessionSlots = 2 ** Math.ceil(Math.log2(sizes.sessionsMax));
  }

  worker(worker: number): void {
    within('worker', worker, 0, this.#sizes.workers - 1);
  }

  /** Checks the worker of a flow. @returns its number, or EVERY_WORKER for `any` */
  flowWorker({ worker, tuple }: Pick<ClientFlow, 'worker' | 'tuple'>): number {
    if (worker === 'any') return EVERY_WORKER;
    this.workerOfTuple(worker, tuple);
    return worker;
  }

  /** Checks the worker that receives a 5-tuple: for an endpoint it must be its owner. */
  workerOfTuple(worker: number, { handle }: FiveTuple): void {
    this.worker(worker);
    const owner = isTransportHandle(handle) ? workerOf(handle) : undefined;
    if (owner === undefined || owner === worker) return;
    refuse(`worker must be ${owner}, whose endpoint the handle names, not ${worker}`);
  }

  /** Checks that a handle names an endpoint. @returns its worker */
  ownerOf(handle: TransportHandle): number {
    this.endpointHandle(handle);
    const owner = workerOf(handle) as number;
    this.worker(owner);
    return owner;
  }

  /** Checks that a handle names an endpoint of a worker. */
  workerOfEndpoint(worker: number, handle: TransportHandle): void {
    const owner = this.ownerOf(handle);
    if (owner !== worker) refuse(`the endpoint's worker is ${owner}, not ${worker}`);
  }

  endpoint({ kind, worker, address }: EndpointSpec): void {
    if (!Object.hasOwn(ENDPOINT_KIND_NUMBERS, kind)) {
      refuse(
        `kind must be ${Object.keys(ENDPOINT_KIND_NUMBERS).join(' or ')}, not ${String(kind)}`,
      );
    }
    this.worker(worker);
    if (kind === 'relayed' && isWildcard(address)) {
      refuse(`a relayed address must be one of the host, not ${address.address}`);
    }
  }

  endpointHandle(handle: TransportHandle): void {
    if (!isTransportHandle(handle)) {
      throw new TurnpikeError('ERR_TURNPIKE_ADDRESS', `not a transport handle: ${String(handle)}`);
    }
    if (workerOf(handle) === undefined) {
      refuse('handle names an address given at open, which is closed with the plane');
    }
  }

  channel(channel: number): void {
    within('channel', channel, CHANNEL_MIN, CHANNEL_MAX);
  }

  /** Checks a range of ports. */
  ports(min: number, max: number): void {
    within('ports.min', min, 0, U16_MAX);
    within('ports.max', max, min, U16_MAX);
  }

  family(family: number): void {
    if (family !== 4 && family !== 6) refuse(`family must be 4 or 6, not ${String(family)}`);
  }

  /** Checks the lifetime of an entry, in seconds. */
  lifetimeSeconds(seconds: number): void {
    within('lifetimeSeconds', seconds, 1, DATA_PLANE_LIMITS.entryLifetimeSecondsMax);
  }

  /** Checks the number of a bucket. @param min - 0 where it may be none */
  bucket(bucket: number, min: 0 | 1): void {
    within('bucket', bucket, min, DATA_PLANE_LIMITS.bandwidthBucketsMax);
  }

  /** Checks a rate of a bucket. */
  bytesPerSecond(bytesPerSecond: number): void {
    within('bytesPerSecond', bytesPerSecond, 0, BANDWIDTH_MAX);
  }

  relayIndex(relayIndex: number): void {
    within('relayIndex', relayIndex, 0, this.#sizes.remoteRelaysMax - 1);
  }

  sessionIndex(index: number): void {
    within('sessionIndex', index, 0, U32_MAX);
    const slot = index % this.#sessionSlots;
    const { sessionsMax } = this.#sizes;
    if (slot < sessionsMax) return;
    const message = `sessionIndex ${index}: its slot ${slot} is not below sessionsMax`;
    throw new TurnpikeError('ERR_TURNPIKE_ARGUMENT', `${message} (${sessionsMax})`);
  }

  /** Checks an unsigned 32-bit number. */
  u32(name: string, value: number): void {
    within(name, value, 0, U32_MAX);
  }

  /** Checks the length of a path probe in bytes; undefined selects a plain probe. */
  probeBytes(bytes: number | undefined): void {
    const { pathProbeBytesMin, datagramBytesMax } = DATA_PLANE_LIMITS;
    if (bytes !== undefined) within('bytes', bytes, pathProbeBytesMin, datagramBytesMax);
  }

  datagram(data: Uint8Array): void {
    const { datagramBytesMax } = DATA_PLANE_LIMITS;
    if (data instanceof Uint8Array && data.length <= datagramBytesMax) return;
    refuse(`data must be a Uint8Array of at most ${datagramBytesMax} bytes`);
  }

  remoteRelay(entry: RemoteRelayEntry): void {
    const { sources, sendKeys, receiveKeys, recordsMax } = entry;
    const { trunkSourcesMax, sendKeysMax, receiveKeysMax } = DATA_PLANE_LIMITS;
    atMost('sources', sources, trunkSourcesMax);
    atMost('sendKeys', sendKeys, sendKeysMax);
    atMost('receiveKeys', receiveKeys, receiveKeysMax);
    within('recordsMax', recordsMax, 1, U32_MAX);
    const isKey = ({ epoch, key }: TrunkKey) =>
      Number.isInteger(epoch) && epoch >= 0 && epoch <= 0xffff && key.length === KEY_BYTES;
    if (![...sendKeys, ...receiveKeys].every(isKey)) {
      refuse(`a key has ${KEY_BYTES} bytes and an epoch from 0 to 65535`);
    }
    this.#paths(entry);
  }

  #paths({ bundleBytesMax, laneSet = 0, lanesClosed = [], paths = [] }: RemoteRelayEntry): void {
    const { trunkMtuBytesMin, datagramBytesMax, laneSets, trunkPathsMax } = DATA_PLANE_LIMITS;
    if (bundleBytesMax !== undefined) {
      within('bundleBytesMax', bundleBytesMax, trunkMtuBytesMin, datagramBytesMax);
    }
    within('laneSet', laneSet, 0, laneSets - 1);
    for (const worker of lanesClosed) within('lanesClosed', worker, 0, this.#sizes.workers - 1);
    atMost('paths', paths, trunkPathsMax);
  }
}

function refuse(message: string): never {
  throw new TurnpikeError('ERR_TURNPIKE_ARGUMENT', message);
}

function within(name: string, value: number, min: number, max: number): void {
  if (Number.isInteger(value) && value >= min && value <= max) return;
  refuse(`${name} must be a whole number from ${min} to ${max}, not ${String(value)}`);
}

function atMost(name: string, list: readonly unknown[], max: number): void {
  if (list.length > max) refuse(`${name} has ${list.length} entries, more than ${max}`);
}
