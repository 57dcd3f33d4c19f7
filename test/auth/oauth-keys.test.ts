import t from 'tap';
import { CLOCK_DELTA_SECONDS, OAUTH_KEYS_MAX, OauthKeys } from '../../src/auth/oauth-keys.js';
import { isTurnpikeError } from '../../src/errors.js';

const file = (text: string) => ({ files: [{ source: '--oauth-keys-file k', text }] });
const KEY = Buffer.alloc(32, 7).toString('base64');

t.test("keys are read as coturn's turnadmin prints them", async (t) => {
  // The first has a byte more than its algorithm's key, as the keys of coturn's own test client.
  const keys = OauthKeys.parse(
    file(
      `  kid=north, ikm_key=${Buffer.alloc(33, 1).toString('base64')}, timestamp=1700000000, ` +
        'lifetime=3600, as_rs_alg=A256GCM, realm=crinna.org\n' +
        '\n# a comment\r\n' +
        `  kid=union, ikm_key=${Buffer.alloc(16, 2).toString('base64')}, timestamp=0, ` +
        'lifetime=0, as_rs_alg=A128GCM, realm=\r\n',
    ),
  );
  t.equal(keys.size, 2);
  t.strictSame(keys.find('north'), {
    kid: 'north',
    algorithm: 'A256GCM',
    key: new Uint8Array(32).fill(1),
    issuer: 'crinna.org',
    untilSeconds: 1_700_003_600 + CLOCK_DELTA_SECONDS,
  });
  t.strictSame(keys.find('union'), {
    kid: 'union',
    algorithm: 'A128GCM',
    key: new Uint8Array(16).fill(2),
    issuer: '',
    untilSeconds: Number.POSITIVE_INFINITY,
  });
  t.equal(keys.find('south'), undefined);
});

t.test('a kid and a key are enough', async (t) => {
  const keys = OauthKeys.parse({ given: [{ source: 'given', text: `ikm_key=${KEY} kid=a` }] });
  t.match(keys.find('a'), { algorithm: 'A256GCM', untilSeconds: Number.POSITIVE_INFINITY });
});

t.test('a malformed or repeated key is an error that names its line alone', async (t) => {
  const short = Buffer.from('topsecret').toString('base64');
  const cases: [line: string, why: RegExp][] = [
    ['topsecret', /expected fields of the form NAME=VALUE/],
    [`kid=b, key=${KEY}`, /expected fields of the form NAME=VALUE/],
    [`=, kid=b, ikm_key=${KEY}`, /expected fields/],
    [`kid=b, kid=c, ikm_key=${KEY}`, /kid is given twice/],
    [`ikm_key=${KEY}`, /there is no kid/],
    [`kid=, ikm_key=${KEY}`, /there is no kid/],
    [`kid=${'b'.repeat(509)}, ikm_key=${KEY}`, /the kid is longer than 508 bytes/],
    ['kid=b', /expected the key as ikm_key=BASE64/],
    ['kid=b, ikm_key=top-secret_', /expected the key as ikm_key=BASE64/],
    [`kid=b, ikm_key=${short}`, /the key is shorter than 32 bytes/],
    [`kid=b, ikm_key=${short}, as_rs_alg=A128GCM`, /the key is shorter than 16 bytes/],
    [`kid=b, ikm_key=${KEY}, as_rs_alg=A256CBC`, /expected as_rs_alg=A256GCM or A128GCM/],
    [`kid=b, ikm_key=${KEY}, as_rs_alg=__proto__`, /expected as_rs_alg=A256GCM or A128GCM/],
    [`kid=b, ikm_key=${KEY}, lifetime=-1`, /expected lifetime in whole seconds/],
    [`kid=b, ikm_key=${KEY}, timestamp=today`, /expected timestamp in whole seconds/],
    [`kid=b, ikm_key=${KEY}, realm=a\tb`, /control character/],
    [`kid=a, ikm_key=${KEY}`, /the kid is that of another key/],
  ];
  for (const [line, why] of cases) {
    const text = `kid=a, ikm_key=${KEY}\n\n${line}\n`;
    const error = t.throws(() => OauthKeys.parse(file(text)), line) as Error;
    t.ok(isTurnpikeError(error, 'ERR_TURNPIKE_SECRET'));
    t.match(error.message, why);
    t.match(error.message, /^--oauth-keys-file k line 3: /);
    for (const secret of [KEY, short, 'topsecret', 'top-secret']) {
      t.notOk(error.message.includes(secret), 'it shows no key');
    }
  }
  const many = Array.from({ length: OAUTH_KEYS_MAX + 1 }, (_, i) => `kid=k${i}, ikm_key=${KEY}`);
  t.throws(() => OauthKeys.parse(file(many.join('\n'))), { message: /line 1025: more than 1024/ });
});
