import { asTurnpikeError } from '../errors.js';
import { guarded, type OpenDataPlane } from './guarded-plane.js';
import { openPlane } from './open.js';
import type { DataPlaneOptions } from './types.js';

export {
  COUNTERS,
  type CounterMeaning,
  type CounterName,
  type Counters,
  type CounterUnit,
} from './counters.js';
export type { Endpoint, EndpointSpec } from './endpoints.js';
export type { DataPlaneEvent } from './events.js';
export type { OpenDataPlane } from './guarded-plane.js';
export {
  listenerHandle,
  listenerOf,
  type Transport,
  type TransportHandle,
  transportOf,
} from './transport-handle.js';
export type * from './types.js';
export type { XdpFarEnd, XdpFinding, XdpFindingKind } from './xdp-finding.js';

/**
 * Opens a data plane: binds every address, then starts the workers.
 * @param options - addresses, sizes and the callback for punted datagrams and events
 * @returns the open data plane
 * @throws TurnpikeError ERR_TURNPIKE_CONFIG for an option out of bounds, ERR_TURNPIKE_ADDRESS for
 *   an invalid address, ERR_TURNPIKE_ADDON without an addon for this platform, ERR_TURNPIKE_BIND
 *   with `errno` and `address` when an address cannot be bound, ERR_TURNPIKE_NATIVE when the system
 *   refuses memory or threads
 */
export function openDataPlane(options: DataPlaneOptions): OpenDataPlane {
  try {
    return guarded(openPlane(options));
  } catch (error) {
    throw asTurnpikeError('openDataPlane', error);
  }
}
