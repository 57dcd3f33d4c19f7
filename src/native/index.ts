import { NativeDataPlane } from './data-plane.js';
import { loadBinding } from './load.js';
import type { DataPlane, DataPlaneOptions } from './types.js';

export {
  COUNTERS,
  type CounterMeaning,
  type CounterName,
  type Counters,
  type CounterUnit,
} from './counters.js';
export type * from './types.js';

/**
 * Opens a data plane: binds every address, then starts the workers.
 * @param options - addresses, sizes and the callback for what is handed up
 * @throws TurnpikeError ERR_TURNPIKE_CONFIG for an option out of bounds, ERR_TURNPIKE_ADDON
 *   without an addon for this platform, ERR_TURNPIKE_BIND with `errno` and `address` when an
 *   address cannot be bound, ERR_TURNPIKE_NATIVE when the system refuses memory or threads
 */
export function openDataPlane(options: DataPlaneOptions): DataPlane {
  return new NativeDataPlane(loadBinding(), options);
}
