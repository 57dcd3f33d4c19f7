import { TurnpikeError } from '../errors.js';
import { FORWARDING_SPECS } from '../native/option-specs.js';
import type { ForwardingOptions } from '../relay/forwarding-options.js';
import { RELAY_BASE_SPECS } from '../relay/option-specs.js';
import type { CommandContext } from './command.js';
import { type OptionTable, option, setting, settingsOf } from './config/option.js';

const { changes } = RELAY_BASE_SPECS.xdp;

/** The options of `turnpike relay` for its data plane. */
export const FORWARDING_TABLE = {
  workers: setting(RELAY_BASE_SPECS, 'workers'),
  trunkMtu: setting(RELAY_BASE_SPECS, 'trunkMtuBytes'),
  coalescing: setting(RELAY_BASE_SPECS, 'coalescingUs'),
  busyPoll: setting(RELAY_BASE_SPECS, 'busyPollUs'),
  cpus: setting(RELAY_BASE_SPECS, 'cpus'),
  xdp: { ...FORWARDING_SPECS.xdpInterfaces, changes },
  xdpGeneric: option(
    { kind: 'boolean', changes },
    "with --xdp: use the kernel's generic XDP, which is slow, where a driver has none",
  ),
  xdpStrict: option(
    { kind: 'boolean', changes },
    'with --xdp: leave to the sockets also what rules of the host may drop or delay',
  ),
} as const satisfies OptionTable;

type Given = Pick<CommandContext<typeof FORWARDING_TABLE>, 'options' | 'sourceOf'>;

/**
 * Returns a relay's options of its data plane; undefined ones have their defaults.
 * @throws TurnpikeError ERR_TURNPIKE_CONFIG for an option that needs `--xdp`
 */
export function forwardingOf({ options, sourceOf }: Given): ForwardingOptions {
  const { xdp: interfaces, xdpGeneric: generic, xdpStrict: strict } = options;
  for (const name of ['xdpGeneric', 'xdpStrict'] as const) {
    if (!options[name] || interfaces.length > 0) continue;
    // Without an error the operator would believe that XDP is on.
    throw new TurnpikeError(
      'ERR_TURNPIKE_CONFIG',
      `${sourceOf(name)}: means nothing without --xdp; give --xdp with a network device`,
    );
  }
  return {
    ...settingsOf(FORWARDING_TABLE, options),
    xdp: interfaces.length === 0 ? undefined : { interfaces, generic, strict },
  };
}
