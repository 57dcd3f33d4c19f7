import t from 'tap';
import { FORWARDING_NAMES, forwardingOptions } from '../../src/relay/forwarding-options.js';
import { Relay } from '../../src/relay/index.js';

/** An invalid value of each option. */
const REFUSED: Readonly<Record<(typeof FORWARDING_NAMES)[number], unknown>> = {
  workers: 0,
  trunkMtuBytes: 1,
  coalescingUs: -1,
  busyPollUs: -1,
  cpus: [-1],
  xdp: { interfaces: [] },
};

t.test('Relay.open refuses an invalid value of every forwarding option by its name', async (t) => {
  for (const name of FORWARDING_NAMES) {
    const opening = Relay.open({
      id: 'fra-1',
      region: 'fra',
      listen: ['127.0.0.1:0'],
      trunk: ['127.0.0.1:0'],
      relaySecret: new Uint8Array(32),
      tenantRoot: new Uint8Array(32),
      [name]: REFUSED[name],
    });
    const message = new RegExp(`^Relay.open: \`${name}\\b`);
    await t.rejects(opening, { code: 'ERR_TURNPIKE_CONFIG', message }, name);
  }
});

t.test('forwarding options that are undefined are not passed to the data plane', async (t) => {
  const options = { id: 'fra-1', workers: 2, cpus: undefined, coalescingUs: 0 };
  t.strictSame(forwardingOptions(options), { workers: 2, coalescingUs: 0 });
});
