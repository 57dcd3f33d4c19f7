import t from 'tap';
import { AttributeType } from '../../src/stun/attribute-types.js';
import {
  family,
  RELAY_V4,
  RELAY_V6,
  relayedOf,
  TurnClient,
  TurnWorld,
  type WorldOptions,
} from './world/index.js';

t.test('an operator may choose the family of requests that name none', async (t) => {
  const [v4, v6] = ['192.0.2.1', '2001:db8::1'];
  const { advertised: relay4 } = RELAY_V4;
  const { advertised: relay6 } = RELAY_V6;
  type Row = [WorldOptions, ip: string, number | string];
  const table: Row[] = [
    [{ defaultFamily: 'ipv6' }, v4, relay6],
    [{ defaultFamily: 'ipv6', relayedAddresses: [RELAY_V4] }, v6, 440],
    [{ defaultFamily: 'client' }, v4, relay4],
    [{ defaultFamily: 'client' }, v6, relay6],
    [{ defaultFamily: 'client', relayedAddresses: [RELAY_V4] }, v6, relay4],
    [{ defaultFamily: 'client', relayedAddresses: [RELAY_V6] }, v4, relay6],
    [{}, v6, relay4],
  ];
  for (const [options, ip, expected] of table) {
    const answer = await new TurnClient(new TurnWorld(options), { ip }).allocate();
    t.equal(answer.code ?? relayedOf(answer)[0]?.address, expected, `${JSON.stringify(options)}`);
  }
  const asked = new TurnClient(new TurnWorld({ defaultFamily: 'ipv6' }));
  const answer = await asked.allocate(family(AttributeType.RequestedAddressFamily, 1));
  t.equal(relayedOf(answer)[0]?.address, relay4, 'a family that is named counts');
});
