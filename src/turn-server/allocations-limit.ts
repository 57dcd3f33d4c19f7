import type { Descriptors } from '../http/file-descriptors.js';
import { DATA_PLANE_LIMITS } from '../native/interface.js';
import { ALLOCATIONS_LIMIT } from './option-specs.js';

/** File descriptors kept for everything but relayed transport addresses. */
export const SPARE_DESCRIPTORS = 128;

/** What bounds the number of allocations. */
export interface AllocationResources {
  /** Ports of all relay addresses. */
  readonly ports: number;
  readonly workers: number;
  /** Undefined if unknown. */
  readonly descriptors: Descriptors | undefined;
}

/** A bound of the number of allocations, and what it follows from. */
export interface AllocationsLimit {
  readonly allocationsMax: number;
  readonly because: 'ports' | 'open files' | 'threads' | 'option';
}

/**
 * Returns the number of allocations that a server can hold: each has a port, a file descriptor and
 * an endpoint of a worker.
 * @param wanted - an explicit bound; undefined for as many as possible
 * @returns the bound, at least 1; a wanted one is returned even if the resources do not suffice
 */
export function allocationsLimit(
  { ports, workers, descriptors }: AllocationResources,
  wanted?: number,
): AllocationsLimit {
  if (wanted !== undefined) return { allocationsMax: wanted, because: 'option' };
  const { limit, used } = descriptors ?? { limit: Number.POSITIVE_INFINITY, used: 0 };
  const bounds: readonly AllocationsLimit[] = [
    { allocationsMax: Math.max(limit - used - SPARE_DESCRIPTORS, 1), because: 'open files' },
    { allocationsMax: workers * DATA_PLANE_LIMITS.endpointsPerWorkerMax, because: 'threads' },
    { allocationsMax: Math.min(ports, ALLOCATIONS_LIMIT), because: 'ports' },
  ];
  return bounds.reduce((least, each) =>
    each.allocationsMax <= least.allocationsMax ? each : least,
  );
}
