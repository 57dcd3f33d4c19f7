import { TurnpikeError } from '../errors.js';
import { DATA_PLANE_LIMITS } from './interface.js';
import type { SocketSide } from './types.js';

declare const BRAND: unique symbol;

/**
 * Identifies the socket of a data plane that received a datagram or is to send one. Handles are not
 * reused: a socket opened later has another one, even on the same port, so a response never leaves
 * by another socket. A safe integer, compared by `===`.
 *
 * Two kinds of sockets have one: an address given at open, for which every worker has a socket
 * (`listenerHandle`), and a socket that a worker opened while running.
 */
export type TransportHandle = number & { readonly [BRAND]: 'TransportHandle' };

/** Numbers of transports; `Transport` in native/table/transport_handle.h. */
const TRANSPORTS = [undefined, 'udp'] as const;

/** A transport protocol. */
export type Transport = 'udp';

/**
 * Multipliers of the fields above the id (16 bits) and the generation (24); see transport_handle.h.
 */
const WORKER_UNIT = 2 ** 40;
const TRANSPORT_UNIT = 2 ** 45;
const HANDLES_END = 2 ** 48;
/** Worker number of a listener, for which every worker has a socket. */
const EVERY_WORKER = 31;
/** The ids of trunk addresses follow those of client addresses. */
const ADDRESSES_PER_SIDE_MAX = DATA_PLANE_LIMITS.addressesPerSideMax;

/**
 * Returns the handle of an address given at open.
 * @param side - the side of the address
 * @param index - its index in the list of that side
 * @throws TurnpikeError ERR_TURNPIKE_ADDRESS for an index that no list can have
 */
export function listenerHandle(side: SocketSide, index: number): TransportHandle {
  if (!Number.isInteger(index) || index < 0 || index >= ADDRESSES_PER_SIDE_MAX) {
    throw new TurnpikeError('ERR_TURNPIKE_ADDRESS', `not the index of an address: ${index}`);
  }
  const first = side === 'client' ? 0 : ADDRESSES_PER_SIDE_MAX;
  const number = TRANSPORT_UNIT + EVERY_WORKER * WORKER_UNIT + first + index;
  return number as TransportHandle;
}

/**
 * Returns the address given at open that a handle names.
 * @returns its side and its index in the list of that side; undefined for the handle of an endpoint
 */
export function listenerOf(
  handle: TransportHandle,
): { readonly side: SocketSide; readonly index: number } | undefined {
  const id = handle - listenerHandle('client', 0);
  if (!(id >= 0 && id < 2 * ADDRESSES_PER_SIDE_MAX)) return undefined;
  return {
    side: id < ADDRESSES_PER_SIDE_MAX ? 'client' : 'trunk',
    index: id % ADDRESSES_PER_SIDE_MAX,
  };
}

/**
 * Returns the worker of an endpoint.
 * @returns its number; undefined for the handle of an address given at open
 */
export function workerOf(handle: TransportHandle): number | undefined {
  const worker = Math.floor(handle / WORKER_UNIT) % (EVERY_WORKER + 1);
  return worker === EVERY_WORKER ? undefined : worker;
}

/** Returns the transport of a handle; undefined for an invalid number. */
export function transportOf(handle: TransportHandle): Transport | undefined {
  return TRANSPORTS[Math.floor(handle / TRANSPORT_UNIT)];
}

/** Returns whether a number is a valid handle. Its socket may be closed. */
export function isTransportHandle(given: unknown): given is TransportHandle {
  return (
    typeof given === 'number' &&
    Number.isInteger(given) &&
    given >= TRANSPORT_UNIT &&
    given < HANDLES_END
  );
}
