import type { ForwardingOptions } from '../relay/forwarding-options.js';
import { RELAY_BASE_SPECS } from '../relay/option-specs.js';
import type { CommandContext } from './command.js';
import { type OptionTable, setting, settingsOf } from './config/option.js';
import { XDP_TABLE, xdpOf } from './xdp-options.js';

/** The options of `turnpike relay` for its data plane. */
export const FORWARDING_TABLE = {
  workers: setting(RELAY_BASE_SPECS, 'workers'),
  trunkMtu: setting(RELAY_BASE_SPECS, 'trunkMtuBytes'),
  coalescing: setting(RELAY_BASE_SPECS, 'coalescingUs'),
  busyPoll: setting(RELAY_BASE_SPECS, 'busyPollUs'),
  cpus: setting(RELAY_BASE_SPECS, 'cpus'),
  ...XDP_TABLE,
} as const satisfies OptionTable;

type Given = Pick<CommandContext<typeof FORWARDING_TABLE>, 'options' | 'sourceOf'>;

/**
 * Returns a relay's options of its data plane; undefined ones have their defaults.
 * @throws TurnpikeError ERR_TURNPIKE_CONFIG for an option that needs `--xdp`
 */
export function forwardingOf(given: Given): ForwardingOptions {
  return { ...settingsOf(FORWARDING_TABLE, given.options), xdp: xdpOf(given) };
}
