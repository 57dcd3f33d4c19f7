import { TurnpikeError } from '../errors.js';
import { DATA_PLANE_LIMITS } from './interface.js';
import type { SocketSide } from './types.js';

declare const BRAND: unique symbol;

/**
 * Names the socket of a data plane that a datagram came by, or that one is to leave by. A name is
 * given once: what is opened later has another one, even on the same port, so an answer to a handle
 * never leaves by somebody else's socket. A safe integer, compared by `===`.
 *
 * Of two kinds of sockets: an address given at open, of which every worker has a socket
 * (`listenerHandle`); and one that a worker has opened while it runs.
 */
export type TransportHandle = number & { readonly [BRAND]: 'TransportHandle' };

/** Transports as handles have them; `Transport` in native/table/transport_handle.h. */
const TRANSPORTS = [undefined, 'udp'] as const;

export type Transport = 'udp';

/** Units of the fields behind the id (16 bits) and the generation (24); see transport_handle.h. */
const WORKER_UNIT = 2 ** 40;
const TRANSPORT_UNIT = 2 ** 45;
const HANDLES_END = 2 ** 48;
/** In place of a worker, where every worker has a socket. */
const EVERY_WORKER = 31;
/** Ids of the trunk's addresses begin behind those of the clients'. */
const ADDRESSES_PER_SIDE_MAX = DATA_PLANE_LIMITS.addressesPerSideMax;

/**
 * The handle of an address that was given at open.
 * @param side - of which side
 * @param index - its place in the list of that side
 * @throws TurnpikeError ERR_TURNPIKE_ADDRESS where no list is as long
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
 * The address given at open that a handle names.
 * @returns its side and its place in the list of that side; undefined where the handle names
 *   another socket
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
 * The worker of an endpoint.
 * @returns undefined where the handle names an address, which all workers have
 */
export function workerOf(handle: TransportHandle): number | undefined {
  const worker = Math.floor(handle / WORKER_UNIT) % (EVERY_WORKER + 1);
  return worker === EVERY_WORKER ? undefined : worker;
}

/** The transport of a socket; undefined where the number names none. */
export function transportOf(handle: TransportHandle): Transport | undefined {
  return TRANSPORTS[Math.floor(handle / TRANSPORT_UNIT)];
}

/** Whether a number may be a handle: what it names may be closed. */
export function isTransportHandle(given: unknown): given is TransportHandle {
  return (
    typeof given === 'number' &&
    Number.isInteger(given) &&
    given >= TRANSPORT_UNIT &&
    given < HANDLES_END
  );
}
