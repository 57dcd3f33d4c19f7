import { createHmac } from 'node:crypto';
import t from 'tap';
import { type HmacHash, hmac } from '../../src/stun/hmac.js';

const bytes = (length: number) => Uint8Array.from({ length }, (_, index) => (index * 37) & 0xff);

t.test("hmac equals node:crypto's at lengths around a block and a limit", async (t) => {
  const unequal: string[] = [];
  for (const hash of ['sha1', 'sha256'] satisfies HmacHash[]) {
    for (const keyBytes of [0, 1, 20, 32, 63, 64, 65, 100]) {
      for (const messageBytes of [0, 1, 55, 56, 63, 64, 65, 255, 4_095, 4_096, 4_097, 65_000]) {
        const [key, message] = [bytes(keyBytes), bytes(messageBytes)];
        const expected = createHmac(hash, key).update(message).digest('hex');
        const actual = Buffer.from(hmac(hash, key, message, 'binary'), 'binary').toString('hex');
        if (actual !== expected) unequal.push(`${hash} ${keyBytes} ${messageBytes}`);
      }
    }
  }
  t.strictSame(unequal, []);
});

t.test('an HMAC does not depend on earlier ones', async (t) => {
  const long = hmac('sha256', bytes(64), bytes(300), 'base64');
  const short = createHmac('sha256', bytes(3)).update(bytes(5)).digest('base64');
  t.equal(hmac('sha256', bytes(3), bytes(5), 'base64'), short);
  t.equal(hmac('sha256', bytes(64), bytes(300), 'base64'), long);
});
