import t from 'tap';
import { resolveConfig } from '../../src/cli/config/resolve.js';
import { FORWARDING_TABLE, forwardingOf } from '../../src/cli/relay-forwarding.js';
import { COALESCING_DEFAULT_US, TRUNK_MTU_DEFAULT_BYTES } from '../../src/native/option-specs.js';
import { FORWARDING_NAMES, forwardingOptions } from '../../src/relay/forwarding-options.js';

type Options = Parameters<typeof forwardingOf>[0]['options'];

/** Returns the options that the data plane is opened with, for given flags and variables. */
async function planeOptions(
  flags: Record<string, string | boolean | readonly string[]>,
  env: Record<string, string> = {},
) {
  const config = { path: ['relay'], options: FORWARDING_TABLE, flags, env };
  const { values, sources } = await resolveConfig(config);
  const sourceOf = (name: string) => sources.get(name) ?? name;
  return forwardingOptions(forwardingOf({ options: values as Options, sourceOf }));
}

t.test('every forwarding option of the command line reaches the data plane', async (t) => {
  const given = await planeOptions({
    workers: '3',
    trunkMtu: '1200',
    coalescing: '7',
    busyPoll: '9',
    cpus: ['2', '4'],
    xdp: ['eth0', 'eth1'],
    xdpGeneric: true,
    xdpStrict: true,
  });
  t.strictSame(given, {
    workers: 3,
    trunkMtuBytes: 1_200,
    coalescingUs: 7,
    busyPollUs: 9,
    cpus: [2, 4],
    xdp: { interfaces: ['eth0', 'eth1'], generic: true, strict: true },
  });
  t.strictSame(Object.keys(given), [...FORWARDING_NAMES], 'these are all');
});

t.test('the defaults apply without any of these options', async (t) => {
  t.strictSame(await planeOptions({}), {
    trunkMtuBytes: TRUNK_MTU_DEFAULT_BYTES,
    coalescingUs: COALESCING_DEFAULT_US,
    busyPollUs: 0,
    cpus: [],
  });
  const xdp = { interfaces: ['eth0'], generic: false, strict: false };
  t.match(await planeOptions({ xdp: ['eth0'] }), { xdp }, 'native XDP only');
});

t.test(
  '--xdp-generic and --xdp-strict without --xdp are refused, by flag or variable',
  async (t) => {
    const message = 'means nothing without --xdp; give --xdp with a network device';
    for (const [key, option, variable] of [
      ['xdpGeneric', '--xdp-generic', 'TURNPIKE_RELAY_XDP_GENERIC'],
      ['xdpStrict', '--xdp-strict', 'TURNPIKE_RELAY_XDP_STRICT'],
    ] as const) {
      await t.rejects(planeOptions({ [key]: true }), {
        code: 'ERR_TURNPIKE_CONFIG',
        message: `${option}: ${message}`,
      });
      await t.rejects(planeOptions({}, { [variable]: '1' }), {
        code: 'ERR_TURNPIKE_CONFIG',
        message: `${variable}: ${message}`,
      });
      t.notOk('xdp' in (await planeOptions({}, { [variable]: 'false' })));
    }
  },
);
