import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import t from 'tap';
import { AddressDatabases } from '../../src/cli/reload/address-databases.js';
import { decodePlace, placesOf, readAddressDatabase } from '../../src/directory/mmdb-places.js';
import { mmdbOf } from './mmdb-writer.js';

const ASN = mmdbOf({
  '203.0.113.0/24': { autonomous_system_number: 64_500 },
  '198.51.100.0/24': { autonomous_system_number: 64_501 },
});
const CITY = mmdbOf({
  '203.0.113.0/24': { country: { iso_code: 'DE' }, location: { latitude: 50.11, longitude: 8.68 } },
  '198.51.100.0/24': { country_code: 'US' },
});

t.test('databases tell the system, the country and the place of an address', async (t) => {
  const folder = t.testdir({ asn: ASN, city: CITY });
  const asn = await readAddressDatabase(join(folder, 'asn'), '--asn-database');
  const city = await readAddressDatabase(join(folder, 'city'), '--country-database');
  const { placeOf } = placesOf([asn, city]);
  const fra = { asn: 64_500, country: 'DE', location: [50.11, 8.68] };
  t.strictSame(placeOf('203.0.113.7'), fra);
  t.strictSame(placeOf('203.0.113.7'), fra, 'kept');
  t.strictSame(placeOf('198.51.100.7'), { asn: 64_501, country: 'US' });
  t.strictSame(placeOf('192.0.2.1'), {});
  t.strictSame(placeOf('2001:db8::1'), {});
  t.strictSame(placesOf([]).placeOf('203.0.113.7'), {});
});

t.test('a member of another type tells nothing', async (t) => {
  for (const record of [
    null,
    7,
    { autonomous_system_number: '64500' },
    { autonomous_system_number: -1 },
    { country: { iso_code: 'Germany' } },
    { country: 'DE' },
    { location: { latitude: 91, longitude: 0 } },
    { location: { latitude: 1 } },
  ]) {
    t.strictSame(decodePlace(record), {}, JSON.stringify(record));
  }
});

t.test('a missing, broken or cut database is an error with its option', async (t) => {
  const folder = t.testdir({ text: 'no database', cut: ASN.subarray(0, -20), empty: '' });
  for (const name of ['text', 'cut', 'empty', 'absent', '.']) {
    const reading = readAddressDatabase(join(folder, name), '--asn-database');
    const message = /^--asn-database .*: /;
    await t.rejects(reading, { code: 'ERR_TURNPIKE_CONFIG', message }, name);
  }
});

t.test('a database is read again where its file has changed', async (t) => {
  const folder = t.testdir({ asn: ASN });
  const databases = new AddressDatabases();
  const paths = { asnDatabase: join(folder, 'asn') };
  t.strictSame(await databases.read({}), []);
  const [first] = await databases.read(paths);
  writeFileSync(paths.asnDatabase, mmdbOf({ '192.0.2.0/24': { autonomous_system_number: 5 } }));
  const [second] = await databases.read(paths);
  t.not(JSON.stringify(first), JSON.stringify(second));
  t.strictSame(placesOf(second ? [second] : []).placeOf('192.0.2.9'), { asn: 5 });
});
