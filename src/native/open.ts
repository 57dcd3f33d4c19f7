import { NativeDataPlane } from './data-plane.js';
import { loadBinding } from './load.js';
import type { DataPlane, DataPlaneOptions } from './types.js';

/** `openDataPlane` for callers of this package, whose calls need no check of their kinds. */
export function openPlane(options: DataPlaneOptions): DataPlane {
  return new NativeDataPlane(loadBinding(), options);
}
