import { availableParallelism } from 'node:os';
import { TurnpikeError } from '../errors.js';
import { checkOptions } from '../options/check.js';
import type { Checked } from '../options/option-spec.js';
import { DATA_PLANE_SPECS, WORKERS_DEFAULT_MAX } from './option-specs.js';
import type { DataPlaneOptions } from './types.js';

/** Checked options with their defaults. */
export type CheckedOptions = Omit<
  Checked<DataPlaneOptions, typeof DATA_PLANE_SPECS>,
  'workers' | 'xdp'
> & {
  readonly workers: number;
  readonly xdpInterfaces: readonly string[];
  readonly xdpGeneric: boolean;
  readonly xdpStrict: boolean;
};

/**
 * Checks the options of `openDataPlane`.
 * @param options - the caller's value
 * @throws TurnpikeError as `checkOptions`, and ERR_TURNPIKE_CONFIG for a repeated XDP interface
 */
export function checkedOptions(options: DataPlaneOptions): CheckedOptions {
  const specs = DATA_PLANE_SPECS;
  const { xdp, workers, ...rest } = checkOptions<DataPlaneOptions, typeof specs>(
    'openDataPlane',
    specs,
    options,
  );
  const xdpInterfaces = xdp?.interfaces ?? [];
  if (new Set(xdpInterfaces).size !== xdpInterfaces.length) {
    const message = 'openDataPlane: `xdp.interfaces`: expected each device once';
    throw new TurnpikeError('ERR_TURNPIKE_CONFIG', message);
  }
  return {
    ...rest,
    workers: workers ?? Math.min(WORKERS_DEFAULT_MAX, availableParallelism()),
    xdpInterfaces,
    xdpGeneric: xdp?.generic ?? false,
    xdpStrict: xdp?.strict ?? false,
  };
}
