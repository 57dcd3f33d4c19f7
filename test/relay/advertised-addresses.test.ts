import t from 'tap';
import { parseAddress } from '../../src/address.js';
import { advertisedAddresses, checkAdvertised } from '../../src/relay/advertised-addresses.js';

const NAMES = { bound: '--listen', advertised: '--advertise' };

const addresses = (...texts: string[]) => texts.map(parseAddress);

t.test(
  'advertised addresses replace bound ones in order, and port 0 means the bound port',
  async (t) => {
    const bound = addresses('0.0.0.0:3478', '[2001:db8::1]:3478');
    const advertised = addresses('192.0.2.1:0', '[2001:db8::2]:99');
    t.same(advertisedAddresses(bound, advertised), addresses('192.0.2.1:3478', '[2001:db8::2]:99'));
    t.same(advertisedAddresses(addresses('192.0.2.1:1'), []), addresses('192.0.2.1:1'));
  },
);

t.test('addresses that cannot be advertised are refused with the reason', async (t) => {
  const refused = (bound: string[], advertised: string[], message: RegExp) =>
    t.throws(() => checkAdvertised(addresses(...bound), addresses(...advertised), NAMES), {
      code: 'ERR_TURNPIKE_CONFIG',
      message,
    });
  refused(['0.0.0.0:1'], [], /wildcard/);
  refused(['[::]:1'], [], /wildcard/);
  refused(['192.0.2.1:1'], ['0.0.0.0:1'], /real address/);
  refused(['192.0.2.1:1'], ['[2001:db8::1]:1'], /same family/);
  refused(['192.0.2.1:1'], ['192.0.2.1:1', '192.0.2.2:1'], /2 given for 1/);
});
