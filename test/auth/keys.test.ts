import t from 'tap';
import {
  isName,
  registrationKey,
  relayKeyPair,
  relaySecret,
  sharedSecret,
  tenantRoot,
  tenantSecret,
  trunkControlKey,
  trunkDataKey,
  utcDay,
} from '../../src/auth/keys.js';
import { isTurnpikeError } from '../../src/errors.js';
import { bytesOf, hexOf } from '../stun/hex.js';

/** PROTOCOL.md section 7. */
const CLUSTER_SECRET = Uint8Array.from({ length: 32 }, (_, index) => index);
const fra = relayKeyPair(relaySecret(CLUSTER_SECRET, 'fra-1'));
const nyc = relayKeyPair(relaySecret(CLUSTER_SECRET, 'nyc-1'));

t.test('tenant root and tenant secret are those of PROTOCOL.md section 7', async (t) => {
  const root = tenantRoot(CLUSTER_SECRET);
  t.equal(hexOf(root), 'a0c158cde3e77c16773be2b69c21e20522632fdf79d2dc7bff9d4f9fe088318b');
  t.equal(
    hexOf(tenantSecret(root, 'default')),
    '5a342b21eb0e493d0ace4a889f8dd3276c336290f76267a59155fa3bbf79827a',
  );
});

t.test('relay secret and public keys are those of PROTOCOL.md section 7', async (t) => {
  t.equal(
    hexOf(relaySecret(CLUSTER_SECRET, 'fra-1')),
    '0b9d1d4d54d78a1b1a5d9d5b197f55523f0f70c588dd77864ff2327e907b47af',
  );
  t.equal(hexOf(fra.publicKey), '7d26855b8c2586b96feaa06319099ab3f9f3deaa1ce17023a7be928d517ebf16');
  t.equal(hexOf(nyc.publicKey), '6fdac5eb4a30cbba146826cfbd045992e5485d8e80afe8340be069185667190b');
});

t.test('trunk keys are those of PROTOCOL.md section 7', async (t) => {
  const shared = sharedSecret(fra.privateKey, nyc.publicKey);
  t.equal(
    hexOf(trunkControlKey(shared, 'fra-1', 'nyc-1')),
    'e362f7b464292623130a1ec537707b0b353f3e69450846abdbf988b2dfe48c10',
  );
  const dataKey = trunkDataKey({
    shared,
    senderId: 'fra-1',
    receiverId: 'nyc-1',
    epoch: 325,
    receiverStart: 1_795_334_400_123,
  });
  t.equal(hexOf(dataKey), 'b061b39e3bbaae73e8f5b0764d95dc90');
});

t.test('both relays derive the same secret, and each direction has its own key', async (t) => {
  const atFra = sharedSecret(fra.privateKey, nyc.publicKey);
  const atNyc = sharedSecret(nyc.privateKey, fra.publicKey);
  t.strictSame(atFra, atNyc);
  t.notSame(trunkControlKey(atFra, 'fra-1', 'nyc-1'), trunkControlKey(atFra, 'nyc-1', 'fra-1'));
});

t.test('a trunk data key changes with epoch, receiver start and direction', async (t) => {
  const shared = sharedSecret(fra.privateKey, nyc.publicKey);
  const base = { shared, senderId: 'a', receiverId: 'b', epoch: 1, receiverStart: 2 };
  const keys = [
    base,
    { ...base, epoch: 2 },
    { ...base, receiverStart: 3 },
    { ...base, senderId: 'b', receiverId: 'a' },
  ].map((input) => hexOf(trunkDataKey(input)));
  t.equal(new Set(keys).size, keys.length);
});

t.test('keys for different purposes differ', async (t) => {
  const secret = relaySecret(CLUSTER_SECRET, 'fra-1');
  t.notSame(registrationKey(secret), secret);
  t.not(hexOf(registrationKey(secret)), hexOf(tenantRoot(secret)));
  t.notSame(relaySecret(CLUSTER_SECRET, 'a'), tenantSecret(CLUSTER_SECRET, 'a'));
});

t.test('a public key of another length or of small order is refused', async (t) => {
  const smallOrder = [
    '00'.repeat(32),
    `01${'00'.repeat(31)}`,
    'e0eb7a7c3b41b8ae1656e3faf19fc46ada098deb9c32b1fd866205165f49b800',
  ].map(bytesOf);
  for (const key of [new Uint8Array(31), new Uint8Array(33), new Uint8Array(0), ...smallOrder]) {
    const error = t.throws(() => sharedSecret(fra.privateKey, key));
    t.ok(isTurnpikeError(error, 'ERR_TURNPIKE_SECRET'));
  }
});

t.test('the trunk epoch counts whole days since 2026-01-01 UTC', async (t) => {
  t.equal(utcDay(Date.UTC(2026, 0, 1)), 0);
  t.equal(utcDay(Date.UTC(2026, 0, 1, 23, 59, 59, 999)), 0);
  t.equal(utcDay(Date.UTC(2026, 0, 2)), 1);
  t.equal(utcDay(1_795_334_400_123), Math.floor((1_795_334_400_123 - 1_767_225_600_000) / 864e5));
  t.equal(utcDay(0), 0, 'a clock before the first day');
  t.equal(utcDay(Number.MAX_SAFE_INTEGER), 0xffff, 'a clock after the last day');
});

t.test('isName accepts exactly the names of PROTOCOL.md', async (t) => {
  for (const name of ['a', 'default', 'fra-1', '0.x', 'a'.repeat(63)]) t.ok(isName(name), name);
  for (const name of ['', '-a', '.a', 'A', 'a_b', 'a/b', 'a\n', 'ä', 'a'.repeat(64)]) {
    t.notOk(isName(name), JSON.stringify(name));
  }
});
