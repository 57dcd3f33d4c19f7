import type { DataPlaneOptions } from '../native/types.js';

/** Those options of the data plane that say how it forwards. */
export const FORWARDING_NAMES = [
  'workers',
  'trunkMtuBytes',
  'coalescingUs',
  'busyPollUs',
  'cpus',
  'xdp',
] as const;

/** How the data plane forwards: those of its options that a relay passes on as they are. */
export type ForwardingOptions = {
  readonly [Name in (typeof FORWARDING_NAMES)[number]]?: DataPlaneOptions[Name] | undefined;
};

/**
 * Takes a relay's forwarding options out of a larger object.
 * @returns those that were given
 */
export function forwardingOptions(
  options: ForwardingOptions,
): Pick<DataPlaneOptions, (typeof FORWARDING_NAMES)[number]> {
  const given = FORWARDING_NAMES.filter((name) => options[name] !== undefined);
  return Object.fromEntries(given.map((name) => [name, options[name]]));
}
