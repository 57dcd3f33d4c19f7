import type { DataPlaneOptions } from '../native/types.js';

/** Names of the data plane's options that a relay passes on. */
export const FORWARDING_NAMES = [
  'workers',
  'trunkMtuBytes',
  'coalescingUs',
  'busyPollUs',
  'cpus',
  'xdp',
] as const;

/** The data plane's options that a relay passes on unchanged. */
export type ForwardingOptions = {
  readonly [Name in (typeof FORWARDING_NAMES)[number]]?: DataPlaneOptions[Name] | undefined;
};

/** Returns the forwarding options of a larger object, without undefined ones. */
export function forwardingOptions(
  options: ForwardingOptions,
): Pick<DataPlaneOptions, (typeof FORWARDING_NAMES)[number]> {
  const given = FORWARDING_NAMES.filter((name) => options[name] !== undefined);
  return Object.fromEntries(given.map((name) => [name, options[name]]));
}
