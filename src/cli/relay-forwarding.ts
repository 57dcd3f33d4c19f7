import { TurnpikeError } from '../errors.js';
import { FORWARDING_SPECS } from '../native/option-specs.js';
import type { ForwardingOptions } from '../relay/forwarding-options.js';
import type { CommandContext } from './command.js';
import { flag, type OptionTable, option } from './config/option.js';

/** The options of `turnpike relay` that say how its data plane forwards. */
export const FORWARDING_TABLE = {
  workers: option(FORWARDING_SPECS.workers, 'forwarding threads', {
    defaultText: 'one per CPU, up to 4',
  }),
  trunkMtu: option(
    FORWARDING_SPECS.trunkMtuBytes,
    'longest UDP payload that records to one relay are bundled into',
    { placeholder: 'BYTES' },
  ),
  coalescing: option(
    FORWARDING_SPECS.coalescingUs,
    'microseconds that packets wait at most for company, only under load; 0: never',
    { placeholder: 'US' },
  ),
  busyPoll: option(
    FORWARDING_SPECS.busyPollUs,
    'microseconds that a thread asks for packets before it sleeps; costs CPU time',
    { placeholder: 'US', defaultText: 'off' },
  ),
  cpus: option(
    FORWARDING_SPECS.cpus,
    'a CPU to pin a forwarding thread to, one option for each thread',
    {
      placeholder: 'CPU',
      defaultText: "the scheduler's choice",
    },
  ),
  xdp: option(
    FORWARDING_SPECS.xdpInterfaces,
    'network device in whose driver to forward (XDP), one option for each device',
    { placeholder: 'DEVICE', defaultText: 'none' },
  ),
  xdpGeneric: flag("with --xdp: take the kernel's slow emulation where a driver knows no XDP"),
  xdpStrict: flag('with --xdp: leave to the sockets also what rules of the host may drop or delay'),
} as const satisfies OptionTable;

type Given = Pick<CommandContext<typeof FORWARDING_TABLE>, 'options' | 'sourceOf'>;

/**
 * What a relay's data plane is opened with.
 * @returns those of its options that a relay passes on, undefined where its own default counts
 * @throws TurnpikeError ERR_TURNPIKE_CONFIG for options that mean nothing without another
 */
export function forwardingOf({ options, sourceOf }: Given): ForwardingOptions {
  const { workers, trunkMtu, coalescing, busyPoll, cpus, xdp, xdpGeneric, xdpStrict } = options;
  for (const name of ['xdpGeneric', 'xdpStrict'] as const) {
    if (!options[name] || xdp.length > 0) continue;
    // Else the operator would believe that XDP is on.
    throw new TurnpikeError(
      'ERR_TURNPIKE_CONFIG',
      `${sourceOf(name)}: means nothing without --xdp; give --xdp with a network device`,
    );
  }
  return {
    workers,
    trunkMtuBytes: trunkMtu,
    coalescingUs: coalescing,
    busyPollUs: busyPoll,
    cpus,
    xdp: xdp.length === 0 ? undefined : { interfaces: xdp, generic: xdpGeneric, strict: xdpStrict },
  };
}
