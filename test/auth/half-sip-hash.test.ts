import t from 'tap';
import { HalfSipHash } from '../../src/auth/half-sip-hash.js';

const KEY = Uint8Array.from({ length: 8 }, (_, index) => index);

t.test("the hash of 12 bytes equals the reference code's vector", async (t) => {
  const hash = new HalfSipHash(KEY);
  hash.hash(0x03020100, 0x07060504, 0x0b0a0908);
  const output = Buffer.alloc(8);
  output.writeUInt32LE(hash.low, 0);
  output.writeUInt32LE(hash.high, 4);
  t.equal(output.toString('hex'), '7bc71f9faef5c799');
});

t.test('another key or another word gives another hash', async (t) => {
  const results = new Set<string>();
  for (const [key, ...words] of [
    [0, 1, 2, 3],
    [1, 1, 2, 3],
    [0, 0, 2, 3],
    [0, 1, 0, 3],
    [0, 1, 2, 0],
    [0, -1, 2, 3],
  ] as [number, number, number, number][]) {
    const hash = new HalfSipHash(Uint8Array.from(KEY, (byte) => byte ^ key));
    hash.hash(...words);
    results.add(`${hash.low} ${hash.high}`);
  }
  t.equal(results.size, 6);
});
