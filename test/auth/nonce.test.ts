import fc from 'fast-check';
import t from 'tap';
import { NonceIssuer, securityFeatures } from '../../src/auth/nonce.js';
import { isTurnpikeError } from '../../src/errors.js';
import { TestClock } from './test-clock.js';

const IP = '192.0.2.1';
const KEY = Buffer.alloc(32, 9);

function issuer(clock = new TestClock(), key: Uint8Array = KEY): NonceIssuer {
  return new NonceIssuer({ key, clock, lifetimeSeconds: 60 });
}

t.test('a nonce is fresh for its life, then stale', async (t) => {
  const clock = new TestClock();
  const nonces = issuer(clock);
  const nonce = nonces.issue(IP);
  t.equal(nonces.check(IP, nonce), 'fresh');
  clock.advance(59_999);
  t.equal(nonces.check(IP, nonce), 'fresh');
  clock.advance(1_001);
  t.equal(nonces.check(IP, nonce), 'stale');
  clock.advance(365 * 86_400_000);
  t.equal(nonces.check(IP, nonce), 'stale');
});

t.test('a nonce belongs to one source address and one key', async (t) => {
  const clock = new TestClock();
  const nonce = issuer(clock).issue(IP);
  t.equal(issuer(clock).check('192.0.2.2', nonce), 'invalid');
  t.equal(issuer(clock).check('2001:db8::1', nonce), 'invalid');
  t.equal(issuer(clock, Buffer.alloc(32, 10)).check(IP, nonce), 'invalid');
  t.equal(issuer(clock).check(IP, nonce), 'fresh', 'and to any issuer with that key');
});

t.test('the key is copied, be it a Buffer or not', async (t) => {
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

t.test('predictable nonces (CVE-2025-69217): no change of one is genuine', async (t) => {
  const nonces = issuer();
  const nonce = nonces.issue(IP);
  for (let at = 0; at < nonce.length; at += 1) {
    const other = nonce[at] === 'A' ? 'B' : 'A';
    t.equal(nonces.check(IP, nonce.slice(0, at) + other + nonce.slice(at + 1)), 'invalid');
  }
});

t.test('anything else is invalid and does not throw', async (t) => {
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
    t.equal(nonces.check(IP, text), 'invalid', JSON.stringify(text));
  }
  fc.assert(
    fc.property(fc.string({ unit: 'binary' }), (text) => nonces.check(IP, text) === 'invalid'),
  );
});

t.test('base64 has no second spelling', async (t) => {
  const nonces = issuer();
  const nonce = nonces.issue(IP);
  const urlSafe = nonce.slice(0, 13) + nonce.slice(13).replaceAll('+', '-').replaceAll('/', '_');
  if (urlSafe !== nonce) t.equal(nonces.check(IP, urlSafe), 'invalid');
  t.equal(nonces.check(IP, `${nonce.slice(0, 20)}\n${nonce.slice(20, 40)}`), 'invalid');
});

t.test('security features are read in both bit orders (errata 6290)', async (t) => {
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

t.test('a short key is refused', async (t) => {
  const error = t.throws(() => issuer(new TestClock(), Buffer.alloc(31)));
  t.ok(isTurnpikeError(error, 'ERR_TURNPIKE_CONFIG'));
});
