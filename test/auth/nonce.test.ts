import fc from 'fast-check';
import t from 'tap';
import { nonceKey } from '../../src/auth/keys.js';
import { NonceIssuer, type SecurityFeatures, securityFeatures } from '../../src/auth/nonce.js';
import { isTurnpikeError } from '../../src/errors.js';
import { holds } from '../setup/holds.js';
import { TestClock } from './test-clock.js';

const IP = '192.0.2.1';
const ROOT = Buffer.alloc(32, 9);
const ALGORITHMS = { passwordAlgorithms: true, usernameAnonymity: false };

const VECTORS = {
  tenantRoot: 'a0c158cde3e77c16773be2b69c21e20522632fdf79d2dc7bff9d4f9fe088318b',
  key325: 'e29405b20102f493bda11cce63976f6967962bd14a9728ce5035fefabb9ed214',
  expiry: 1_795_348_800,
  nonces: [
    ['192.0.2.1', 'obMatJos2gAABAGsC2UBChh3kOtBuyzDk4L6qt9zq'],
    ['2001:db8::1', 'obMatJos2gAABAGsC2UAf/yzibbeIUcrbrVAJEpYz'],
  ],
} as const;

function issuer(
  clock = new TestClock(),
  root: Uint8Array = ROOT,
  features: SecurityFeatures = ALGORITHMS,
): NonceIssuer {
  return new NonceIssuer({ secret: root, features, clock, lifetimeSeconds: 60 });
}

t.test('a nonce is fresh for its lifetime, then stale', async (t) => {
  const clock = new TestClock();
  const nonces = issuer(clock);
  const nonce = nonces.issue(IP);
  t.equal(nonces.check(IP, nonce).state, 'fresh');
  clock.advance(59_999);
  t.equal(nonces.check(IP, nonce).state, 'fresh');
  const expiresAtMs = nonces.check(IP, nonce).expirySeconds * 1_000;
  clock.advance(expiresAtMs - 1 - clock.now());
  t.equal(nonces.check(IP, nonce).state, 'fresh', 'in its last millisecond');
  clock.advance(1);
  t.equal(nonces.check(IP, nonce).state, 'stale', 'at its expiry');
  clock.advance(1_000);
  t.equal(nonces.check(IP, nonce).state, 'stale');
  clock.advance(86_400_000);
  t.equal(nonces.check(IP, nonce).state, 'stale', 'with the key of the day before');
  clock.advance(86_400_000);
  t.equal(nonces.check(IP, nonce).state, 'invalid', 'older keys are not tried');
});

t.test('a nonce is valid at every relay of its cluster, also after a restart', async (t) => {
  const clock = new TestClock();
  const nonce = issuer(clock).issue(IP);
  t.equal(issuer(clock).check(IP, nonce).state, 'fresh');
  t.equal(
    issuer(clock, Buffer.alloc(32, 10)).check(IP, nonce).state,
    'invalid',
    'not of another cluster',
  );
});

t.test('a nonce stays fresh past midnight', async (t) => {
  for (const startsInMs of [30_000, 500, 1]) {
    const clock = new TestClock();
    clock.advance(86_400_000 - 1_000 - startsInMs);
    const nonce = issuer(clock).issue(IP);
    clock.advance(59_000);
    t.equal(issuer(clock).check(IP, nonce).state, 'fresh', `made ${startsInMs} ms before midnight`);
    clock.advance(2_000);
    t.equal(issuer(clock).check(IP, nonce).state, 'stale');
  }
});

t.test(
  'a nonce from a wrong clock is not fresh after the clock is corrected, if it was off by an hour',
  async (t) => {
    for (const [wrongByMs, state] of [
      [60_000, 'fresh'],
      [3_600_000, 'stale'],
      [86_400_000, 'stale'],
      [30 * 86_400_000, 'invalid'],
      [-86_400_000, 'stale'],
      [-30 * 86_400_000, 'invalid'],
    ] as const) {
      const wrong = new TestClock();
      wrong.advance(wrongByMs);
      const nonce = issuer(wrong).issue(IP);
      t.equal(issuer(wrong).check(IP, nonce).state, 'fresh', 'with the wrong clock');
      t.equal(issuer().check(IP, nonce).state, state, `${wrongByMs} ms`);
    }
  },
);

t.test('nonces work with a clock in 1970 or 2200', async (t) => {
  for (const year of [1970, 2200]) {
    const clock = new TestClock();
    clock.advance(Date.UTC(year, 0, 1) - clock.now());
    t.equal(issuer(clock).check(IP, issuer(clock).issue(IP)).state, 'fresh', String(year));
  }
});

t.test('nonces are those of PROTOCOL.md section 7', async (t) => {
  const root = Buffer.from(VECTORS.tenantRoot, 'hex');
  t.equal(Buffer.from(nonceKey(root, 325)).toString('hex'), VECTORS.key325);
  const clock = new TestClock();
  clock.advance(VECTORS.expiry * 1_000 - 60_000 - clock.now());
  for (const [ip, nonce] of VECTORS.nonces) t.equal(issuer(clock, root).issue(ip), nonce, ip);
});

t.test('a nonce is invalid from another source address and with another key', async (t) => {
  const clock = new TestClock();
  const nonce = issuer(clock).issue(IP);
  t.equal(issuer(clock).check('192.0.2.2', nonce).state, 'invalid');
  t.equal(issuer(clock).check('2001:db8::1', nonce).state, 'invalid');
  t.equal(issuer(clock, Buffer.alloc(32, 10)).check(IP, nonce).state, 'invalid');
  t.equal(issuer(clock).check(IP, nonce).state, 'fresh', 'with another issuer with the same key');
});

t.test('the issuer copies the root, Buffer or Uint8Array', async (t) => {
  for (const key of [Buffer.alloc(32, 9), new Uint8Array(32).fill(9)]) {
    const nonces = issuer(new TestClock(), key);
    key.fill(0);
    t.equal(nonces.issue(IP), issuer().issue(IP));
  }
});

t.test('a nonce has 41 characters and the nonce cookie (RFC 8489 section 9.2)', async (t) => {
  for (const ip of [IP, '2001:db8:1234:5678:11:2233:4455:6677']) {
    const nonce = issuer().issue(ip);
    t.equal(nonce.length, 41);
    t.match(nonce, /^obMatJos2[A-Za-z0-9+/]{32}$/);
    t.strictSame(securityFeatures(nonce), { passwordAlgorithms: true, usernameAnonymity: false });
  }
});

t.test('a nonce has the security features of its issuer and its expiry', async (t) => {
  for (const passwordAlgorithms of [false, true]) {
    for (const usernameAnonymity of [false, true]) {
      const features = { passwordAlgorithms, usernameAnonymity };
      const clock = new TestClock();
      const nonces = issuer(clock, ROOT, features);
      const nonce = nonces.issue(IP);
      t.strictSame(securityFeatures(nonce), features);
      const expirySeconds = Math.ceil(clock.now() / 1_000) + 60;
      t.strictSame(nonces.check(IP, nonce), { state: 'fresh', expirySeconds });
    }
  }
});

t.test(
  'a nonce with one changed character is invalid (predictable nonces, CVE-2025-69217)',
  async (t) => {
    const nonces = issuer();
    const nonce = nonces.issue(IP);
    for (let at = 0; at < nonce.length; at += 1) {
      const other = nonce[at] === 'A' ? 'B' : 'A';
      t.equal(nonces.check(IP, nonce.slice(0, at) + other + nonce.slice(at + 1)).state, 'invalid');
    }
  },
);

t.test('any other text is invalid and does not throw', async (t) => {
  const nonces = issuer();
  const nonce = nonces.issue(IP);
  for (const text of [
    '',
    'obMatJos2',
    'f//499k954d6OL34oL9FSTvy64sA',
    nonce.slice(1),
    `${nonce}A`,
    `${nonce.slice(0, -1)}=`,
    `${nonce.slice(0, -1)}\u00e9`,
    nonce.toLowerCase(),
    '\u{1f600}'.repeat(20),
    `${nonce.slice(0, 13)}${' '.repeat(28)}`,
  ]) {
    t.equal(nonces.check(IP, text).state, 'invalid', JSON.stringify(text));
  }
  holds(
    t,
    fc.property(
      fc.string({ unit: 'binary' }),
      (text) => nonces.check(IP, text).state === 'invalid',
    ),
  );
});

t.test('another base64 spelling of a nonce is invalid', async (t) => {
  const nonces = issuer();
  const nonce = nonces.issue(IP);
  const urlSafe = nonce.slice(0, 13) + nonce.slice(13).replaceAll('+', '-').replaceAll('/', '_');
  if (urlSafe !== nonce) t.equal(nonces.check(IP, urlSafe).state, 'invalid');
  t.equal(nonces.check(IP, `${nonce.slice(0, 20)}\n${nonce.slice(20, 40)}`).state, 'invalid');
});

t.test('security features are decoded in both bit orders (errata 6290)', async (t) => {
  const features = (text: string) => {
    const { passwordAlgorithms, usernameAnonymity } = securityFeatures(text);
    return [passwordAlgorithms, usernameAnonymity];
  };
  t.strictSame(features('obMatJos2gAAAx'), [true, false]);
  t.strictSame(features('obMatJos2AAABx'), [true, false]);
  t.strictSame(features('obMatJos2AAACf//499k954d6OL34oL9FSTvy64sA'), [false, true]);
  t.strictSame(features('obMatJos2QAAAx'), [false, true]);
  t.strictSame(features('obMatJos2AAADx'), [true, true]);
  t.strictSame(features('obMatJos2AAAAx'), [false, false]);
  for (const text of ['', 'obMatJos2', 'obMatJos2AAA', 'obMatJos2A=AB', 'xobMatJos2AAAB', 'gAAB']) {
    t.strictSame(features(text), [false, false], text);
  }
});

t.test('a short root is refused', async (t) => {
  const error = t.throws(() => issuer(new TestClock(), Buffer.alloc(31)));
  t.ok(isTurnpikeError(error, 'ERR_TURNPIKE_CONFIG'));
});
