import { TurnpikeError } from '../errors.js';
import { FORWARDING_SPECS } from '../native/option-specs.js';
import type { DataPlaneOptions } from '../native/types.js';
import type { CommandContext } from './command.js';
import { type OptionTable, option } from './config/option.js';

const AT_START = { changes: 'at start' } as const;

/** The options of a program that forwards by XDP. */
export const XDP_TABLE = {
  xdp: { ...FORWARDING_SPECS.xdpInterfaces, ...AT_START },
  xdpGeneric: option(
    { kind: 'boolean', ...AT_START },
    "with --xdp: use the kernel's generic XDP, which is slow, where a driver has none",
  ),
  xdpStrict: option(
    { kind: 'boolean', ...AT_START },
    'with --xdp: leave to the sockets also what rules of the host may drop or delay',
  ),
} as const satisfies OptionTable;

type Given = Pick<CommandContext<typeof XDP_TABLE>, 'options' | 'sourceOf'>;

/**
 * Returns a data plane's option `xdp`; undefined without `--xdp`.
 * @throws TurnpikeError ERR_TURNPIKE_CONFIG for an option that needs `--xdp`
 */
export function xdpOf({ options, sourceOf }: Given): DataPlaneOptions['xdp'] | undefined {
  const { xdp: interfaces, xdpGeneric: generic, xdpStrict: strict } = options;
  for (const name of ['xdpGeneric', 'xdpStrict'] as const) {
    if (!options[name] || interfaces.length > 0) continue;
    // Without an error the operator would believe that XDP is on.
    throw new TurnpikeError(
      'ERR_TURNPIKE_CONFIG',
      `${sourceOf(name)}: means nothing without --xdp; give --xdp with a network device`,
    );
  }
  return interfaces.length === 0 ? undefined : { interfaces, generic, strict };
}
