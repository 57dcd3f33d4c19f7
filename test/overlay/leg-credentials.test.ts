import t from 'tap';
import { tenantRoot, tenantSecret } from '../../src/auth/keys.js';
import { passwordFor } from '../../src/auth/tenant-credentials.js';
import { isTurnpikeError } from '../../src/errors.js';
import { mintCredential } from '../../src/overlay/leg-credentials.js';
import { parseUsername } from './parse-username.js';

const CONNECTION_ID = '000102030405060708090a0b0c0d0e0f';
const USERNAME = `1800000000:default/${CONNECTION_ID}/0`;
const SECRET = tenantSecret(tenantRoot(Uint8Array.from({ length: 32 }, (_, i) => i)), 'default');

t.test('the password of a username is that of PROTOCOL.md section 7', async (t) => {
  t.equal(passwordFor(SECRET, USERNAME), 'sXF7rz6BJ0IPbRwUzamHx2WbVwQUMkNQF3fQ8nt/TTg=');
});

t.test('a minted credential parses to the values that it was minted from', async (t) => {
  const input = {
    tenantSecret: SECRET,
    tenant: 'default',
    connectionId: CONNECTION_ID,
    role: 0 as const,
    expiresAtSeconds: 1_800_000_000,
  };
  const credential = mintCredential(input);
  t.strictSame(credential, {
    username: USERNAME,
    password: 'sXF7rz6BJ0IPbRwUzamHx2WbVwQUMkNQF3fQ8nt/TTg=',
  });
  t.strictSame(parseUsername(USERNAME), {
    username: USERNAME,
    expiresAtSeconds: 1_800_000_000,
    tenant: 'default',
    connectionId: CONNECTION_ID,
    role: 0,
  });
  t.equal(mintCredential({ ...input, role: 1 }).username.slice(-2), '/1');
  const upperCase = mintCredential({ ...input, connectionId: CONNECTION_ID.toUpperCase() });
  t.equal(upperCase.username, USERNAME);
});

t.test('a credential with an invalid tenant, identifier or expiry is not minted', async (t) => {
  const input = {
    tenantSecret: SECRET,
    tenant: 'default',
    connectionId: CONNECTION_ID,
    role: 0 as const,
    expiresAtSeconds: 1,
  };
  for (const wrong of [
    { ...input, tenant: 'Default' },
    { ...input, tenant: 'a/b' },
    { ...input, connectionId: '00' },
    { ...input, expiresAtSeconds: -1 },
    { ...input, expiresAtSeconds: 1.5 },
    { ...input, expiresAtSeconds: Number.NaN },
  ]) {
    t.ok(
      isTurnpikeError(
        t.throws(() => mintCredential(wrong)),
        'ERR_TURNPIKE_CONFIG',
      ),
    );
  }
});

t.test('fields after the role of a username are ignored', async (t) => {
  for (const tail of ['/a=b', '/a=', '/a=b=c', '/a=b/c=d', '/name=\u00e9']) {
    const credential = parseUsername(USERNAME + tail);
    t.equal(credential?.tenant, 'default', tail);
    t.equal(
      credential?.username,
      USERNAME + tail,
      'the username is kept whole, since the password covers it',
    );
  }
});

t.test('an identifier in upper case names the same connection', async (t) => {
  const credential = parseUsername(`1:default/${CONNECTION_ID.toUpperCase()}/1`);
  t.equal(credential?.connectionId, CONNECTION_ID);
  t.equal(credential?.role, 1);
});

t.test('a malformed username is refused', async (t) => {
  for (const text of [
    '',
    'user',
    `:default/${CONNECTION_ID}/0`,
    `-1:default/${CONNECTION_ID}/0`,
    `1e9:default/${CONNECTION_ID}/0`,
    `1800000000:/${CONNECTION_ID}/0`,
    `1800000000:Default/${CONNECTION_ID}/0`,
    `1800000000:de fault/${CONNECTION_ID}/0`,
    `1800000000:default/${CONNECTION_ID.slice(1)}/0`,
    `1800000000:default/${CONNECTION_ID}0/0`,
    `1800000000:default/${CONNECTION_ID.replace('0', 'g')}/0`,
    `1800000000:default/${CONNECTION_ID}/2`,
    `1800000000:default/${CONNECTION_ID}/`,
    `1800000000:default/${CONNECTION_ID}`,
    `${USERNAME}/`,
    `${USERNAME}/x`,
    `${USERNAME}/=x`,
    `${USERNAME}\n`,
    ` ${USERNAME}`,
    `9999999999999999:default/${CONNECTION_ID}/0`,
  ]) {
    t.equal(parseUsername(text), undefined, JSON.stringify(text));
  }
});

t.test('a USERNAME of more than 508 bytes is refused (RFC 8489 section 14.3)', async (t) => {
  const padTo = (bytes: number) => `${USERNAME}/x=${'y'.repeat(bytes - USERNAME.length - 3)}`;
  t.ok(parseUsername(padTo(508)));
  t.equal(parseUsername(padTo(509)), undefined);
  const wide = `${USERNAME}/x=${'\u00e9'.repeat(300)}`;
  t.equal(parseUsername(wide), undefined, 'bytes are counted, not characters');
});
