import t from 'tap';
import { RELAY_BASE_SPECS } from '../../src/relay/option-specs.js';
import { ownSite } from '../../src/relay/own-record.js';

t.test('a site has what its options tell', (t) => {
  t.equal(ownSite({ provider: undefined, location: undefined }), undefined);
  t.same(ownSite({ provider: 'ovh', location: undefined }), { provider: 'ovh' });
  t.same(ownSite({ provider: undefined, location: '-33.9,151.2' }), { location: [-33.9, 151.2] });
  t.same(ownSite({ provider: 'ovh', location: '50.11,8.68' }), {
    provider: 'ovh',
    location: [50.11, 8.68],
  });
  t.end();
});

t.test('a location is degrees within their bounds', (t) => {
  const pattern = new RegExp(RELAY_BASE_SPECS.location.pattern);
  for (const good of ['0,0', '50.11,8.68', '-33.9,151.2', '90,180', '-90.0,-180.000000', '9,99']) {
    t.match(good, pattern, good);
  }
  for (const bad of [
    ...['', '50.11', '50.11, 8.68', '50.11;8.68', '91,0', '90.1,0', '0,181', '0,180.5', '1e1,0'],
    ...['+5,0', '050,0', '0,1800', '50.1234567,0', '.5,0', '5.,0', 'fra', '0,0\n', '0,0,0'],
  ]) {
    t.notMatch(bad, pattern, JSON.stringify(bad));
  }
  t.end();
});
