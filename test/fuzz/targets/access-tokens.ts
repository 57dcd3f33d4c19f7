import { openAccessToken } from '../../../src/auth/access-token.js';
import { OauthKeys } from '../../../src/auth/oauth-keys.js';
import { blockOf, mintToken, sealed, type TestKey } from '../../auth/access-tokens.js';
import { assertThat, bytesOf, type FuzzTarget, outcomeOf, textOf } from '../target.js';

const KEY: TestKey = { key: new Uint8Array(32).fill(7), algorithm: 'A256GCM' };
const SERVER = 'turn.example.org';
const NONCE = new Uint8Array(12).fill(5);
const CONTENT = {
  serverName: SERVER,
  macKey: new Uint8Array(20).fill(9),
  timestampSeconds: 1_700_000_000,
  lifetimeSeconds: 3_600,
  nonce: NONCE,
};
const GENUINE = mintToken(KEY, CONTENT);

const token: FuzzTarget = {
  name: 'access-token',
  about: 'access tokens, and what is encrypted in them',
  seeds: () => [GENUINE, blockOf(CONTENT), blockOf({ ...CONTENT, macKey: new Uint8Array(64) })],
  run: (input) => {
    const isGenuine = Buffer.compare(input, GENUINE) === 0;
    const given = openAccessToken(input, KEY, SERVER);
    assertThat((given !== undefined) === isGenuine, 'a forged token opens');
    const opened = openAccessToken(sealed(input, KEY, CONTENT), KEY, SERVER);
    if (opened === undefined) return isGenuine ? 'genuine' : 'none';
    const { macKey, lifetimeSeconds, timestampSeconds } = opened;
    assertThat(macKey.length >= 20 && macKey.length <= 64, 'a key of another length');
    assertThat(timestampSeconds >= 0 && timestampSeconds < 2 ** 48 + 2, 'no timestamp');
    const fraction = Buffer.from(input).readUInt16BE(input.length - 6);
    const seconds = Math.round(timestampSeconds - fraction / 64_000);
    const again = blockOf({ macKey, lifetimeSeconds, timestampSeconds: seconds, fraction });
    assertThat(Buffer.compare(again, input) === 0, 'encodes to another');
    return `block ${macKey.length}`;
  },
};

const keys: FuzzTarget = {
  name: 'oauth-keys',
  about: 'keys of access tokens, one a line',
  seeds: () =>
    [
      `kid=north, ikm_key=${'A'.repeat(44)}, timestamp=1, lifetime=2, as_rs_alg=A256GCM, realm=a`,
      `# keys\n\nkid=a ikm_key=${'A'.repeat(22)}== as_rs_alg=A128GCM\r\n`,
      `kid=b ikm_key=${'A'.repeat(43)}=\nkid=c ikm_key=${'A'.repeat(44)}`,
    ].map(bytesOf),
  words: [
    ...[
      'kid=',
      'ikm_key=',
      'timestamp=',
      'lifetime=',
      'as_rs_alg=',
      'realm=',
      'A128GCM',
      'A256GCM',
    ],
    ...[', ', '=', '\n', '\r', '#', '\0', '__proto__', '99999999999999999999', '-1'],
  ],
  run: (input) => {
    const text = textOf(input);
    let size = 0;
    const outcome = outcomeOf(() => {
      const all = OauthKeys.parse({ files: [{ source: 'fuzz', text }] });
      size = all.size;
      for (const [, kid = ''] of text.matchAll(/(?:^|[ ,\n])kid=([^ ,\r\n]+)/g)) {
        const found = all.find(kid);
        if (found === undefined) continue;
        const bytes = found.algorithm === 'A256GCM' ? 32 : 16;
        assertThat(found.key.length === bytes, 'a key of another length');
        assertThat(found.untilSeconds > 0 && found.kid !== '', 'no kid, or no end');
      }
    });
    return `${outcome} ${Math.min(size, 3)}`;
  },
};

/** Access tokens and their keys. */
export const ACCESS_TOKENS: readonly FuzzTarget[] = [token, keys];
