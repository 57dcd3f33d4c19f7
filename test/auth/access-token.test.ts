import t from 'tap';
import { ACCESS_TOKEN_BYTES_MAX, openAccessToken } from '../../src/auth/access-token.js';
import { blockOf, mintToken, sealed, type TestKey } from './access-tokens.js';

const SERVER = 'blackdow.carleon.gov';
const LONG = Buffer.from('HGkj32KJGiuy098sdfaqbNjOiaz71923');
const A256: TestKey = { key: LONG, algorithm: 'A256GCM' };
const A128: TestKey = { key: LONG.subarray(0, 16), algorithm: 'A128GCM' };
const CONTENT = {
  serverName: SERVER,
  macKey: Buffer.from('ZksjpweoixXmvn67534m'),
  timestampSeconds: 1_410_984_813,
  lifetimeSeconds: 3_600,
  nonce: Buffer.from('h4j3k2l2n4b5'),
};

/** Printed by coturn's `turnutils_oauth --encrypt` for `CONTENT`. */
const OF_COTURN = {
  A256GCM:
    'AAxoNGozazJsMm40YjVhfvE0o9XkTpoZzH3BBLDAPQOypVHY/fXNO23KbxDPt35bLd7ITSk6XFBJk1nwwuJvdg==',
  A128GCM:
    'AAxoNGozazJsMm40YjV/uemfCCe+PfHhvWUUk9MDHTbfVweXhK7l6stl+tTyf6saP5eXS2n4UbJL9a8J7aNX4A==',
} as const;

t.test("tokens of coturn's turnutils_oauth open", async (t) => {
  for (const key of [A256, A128]) {
    const token = Buffer.from(OF_COTURN[key.algorithm], 'base64');
    const opened = openAccessToken(token, key, SERVER);
    t.strictSame(opened && { ...opened, macKey: String(Buffer.from(opened.macKey)) }, {
      macKey: 'ZksjpweoixXmvn67534m',
      timestampSeconds: 1_410_984_813,
      lifetimeSeconds: 3_600,
    });
    t.strictSame(Buffer.from(mintToken(key, CONTENT)), token, 'as do those of these tests');
  }
});

t.test('the timestamp has 48 bits of seconds, and counts 1/64000 s', async (t) => {
  const seconds = 0x1_0000_0001;
  const token = mintToken(A256, { ...CONTENT, timestampSeconds: seconds, fraction: 16_000 });
  t.equal(openAccessToken(token, A256, SERVER)?.timestampSeconds, seconds + 0.25);
});

t.test('keys of MESSAGE-INTEGRITY have 20 to 64 bytes', async (t) => {
  const opens = (bytes: number) => {
    const token = mintToken(A256, { ...CONTENT, macKey: Buffer.alloc(bytes, 7) });
    return openAccessToken(token, A256, SERVER)?.macKey.length;
  };
  t.strictSame([0, 19, 20, 32, 64, 65].map(opens), [undefined, undefined, 20, 32, 64, undefined]);
  const longest = mintToken(A256, { ...CONTENT, macKey: Buffer.alloc(64) });
  t.equal(longest.length, ACCESS_TOKEN_BYTES_MAX);
});

t.test('a token that is changed anywhere or cut does not open', async (t) => {
  const token = mintToken(A256, CONTENT);
  for (let at = 0; at < token.length; at += 1) {
    const changed = Uint8Array.from(token, (byte, index) => (index === at ? byte ^ 1 : byte));
    t.equal(openAccessToken(changed, A256, SERVER), undefined, `byte ${at}`);
    t.equal(openAccessToken(token.subarray(0, at), A256, SERVER), undefined, `${at} bytes`);
  }
  for (const more of [1, 16, 1_000]) {
    const longer = Buffer.concat([token, Buffer.alloc(more)]);
    t.equal(openAccessToken(longer, A256, SERVER), undefined);
  }
});

t.test('a token of another key, algorithm or server does not open', async (t) => {
  const token = mintToken(A256, CONTENT);
  const other = { ...A256, key: Buffer.alloc(32, 1) };
  t.equal(openAccessToken(token, other, SERVER), undefined);
  t.equal(openAccessToken(token, A128, SERVER), undefined);
  t.equal(openAccessToken(token, A256, 'blackdow.carleon.go'), undefined);
  t.equal(openAccessToken(token, A256, ''), undefined);
});

t.test(
  'a genuine token with a block of another form, or another nonce, does not open',
  async (t) => {
    const block = blockOf(CONTENT);
    const open = (changed: Uint8Array, nonce: Uint8Array = CONTENT.nonce) =>
      openAccessToken(sealed(changed, A256, { serverName: SERVER, nonce }), A256, SERVER);
    t.ok(open(block));
    for (const length of [0, 19, 21, 0xffff]) {
      const changed = Buffer.from(block);
      changed.writeUInt16BE(length, 0);
      t.equal(open(changed), undefined, `a key of ${length} bytes`);
    }
    t.equal(open(Buffer.concat([block, Buffer.alloc(1)])), undefined, 'one byte more');
    t.equal(open(block.subarray(0, -1)), undefined, 'one byte less');
    for (const bytes of [8, 13, 16]) {
      t.equal(open(block, Buffer.alloc(bytes)), undefined, `a nonce of ${bytes} bytes`);
    }
  },
);
