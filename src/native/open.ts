import { NativeDataPlane } from './data-plane.js';
import { loadBinding } from './load.js';
import type { DataPlane, DataPlaneOptions } from './types.js';

/**
 * Opens a data plane for callers in this package: `openDataPlane` without the argument checks for
 * embedders. Throws as `openDataPlane`.
 */
export function openPlane(options: DataPlaneOptions): DataPlane {
  return new NativeDataPlane(loadBinding(), options);
}
