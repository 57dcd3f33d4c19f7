import { decodePlace } from '../../../src/directory/mmdb-places.js';
import { leafPrefix, parentPrefix, parseNetwork } from '../../../src/estimates/network.js';
import { decodeMeasurements } from '../../../src/registry/measurements.js';
import { assertThat, bytesOf, type FuzzTarget, jsonOf, textOf } from '../target.js';

const network: FuzzTarget = {
  name: 'network',
  about: 'addresses and prefixes of networks of peers',
  seeds: () =>
    ['203.0.113.0/24', '2001:db8::/48', '::ffff:192.0.2.1', '2001:db8:1:2:3:4:5:6'].map(bytesOf),
  words: ['::', ':', '.', '/', '/20', '/128', '::ffff:', '%eth0', '0x7f', 'ffff'],
  run: (input) => {
    const parsed = parseNetwork(textOf(input));
    if (parsed === undefined) return 'no network';
    for (const prefix of [leafPrefix(parsed), parentPrefix(parsed)]) {
      const again = parseNetwork(prefix);
      assertThat(again?.family === parsed.family, 'the prefix of a cluster is no network');
      assertThat((again?.high ?? -1) <= parsed.high, 'a network lies before its cluster');
    }
    assertThat(
      leafPrefix(parsed) === leafPrefix(parseNetwork(leafPrefix(parsed)) ?? parsed),
      'the prefix of a cluster is in another cluster',
    );
    return `IPv${parsed.family}`;
  },
};

const entry = { rtt: 20, jitter: 1, count: 3 };
const MEASUREMENTS = {
  trunk: [{ ...entry, relay: 'nyc-1', loss: [0, null] }],
  legs: [{ ...entry, network: '203.0.113.0/24', sd: 2, loss: 0 }],
};

const measurements: FuzzTarget = {
  name: 'measurements',
  about: 'what relays measured, in beats',
  seeds: () => [MEASUREMENTS, {}].map((value) => bytesOf(JSON.stringify(value))),
  words: ['null', '[]', '{}', '1e999', '-1', '"trunk":', '"legs":', '""'],
  run: (input) => {
    const parsed = jsonOf(input);
    if (parsed === undefined) return 'no JSON';
    const { trunk, legs, malformed, excess } = decodeMeasurements(parsed.value);
    for (const { rtt, count } of [...trunk, ...legs]) {
      assertThat(Number.isFinite(rtt) && rtt >= 0, 'no round-trip time');
      assertThat(count >= 1, 'no count');
    }
    const wrong = malformed.trunk + malformed.leg + excess.trunk + excess.leg;
    return `${trunk.length > 0} ${legs.length > 0} ${wrong > 0}`;
  },
};

const place: FuzzTarget = {
  name: 'place',
  about: 'records of databases of addresses',
  seeds: () => {
    const location = { latitude: 50.1, longitude: 8.7 };
    const records = [{ autonomous_system_number: 1 }, { country: { iso_code: 'DE' }, location }];
    return records.map((value) => bytesOf(JSON.stringify(value)));
  },
  words: ['null', '"country_code":"DE"', '1e999', '-1', '[]', '{}'],
  run: (input) => {
    const parsed = jsonOf(input);
    if (parsed === undefined) return 'no JSON';
    const { asn, country, location = [0, 0] } = decodePlace(parsed.value);
    assertThat(asn === undefined || asn > 0, 'no system');
    assertThat(Math.abs(location[0]) <= 90 && Math.abs(location[1]) <= 180, 'no place');
    return `${asn !== undefined} ${country !== undefined} ${location[0] !== 0}`;
  },
};

/** Targets of what relays measure. */
export const ESTIMATES: readonly FuzzTarget[] = [network, measurements, place];
