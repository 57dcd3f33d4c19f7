import t from 'tap';
import { decodeAddress, formatAddress, parseAddress, toAddress } from '../src/address.js';

t.test('addresses as text and as objects are parsed to their canonical form', async (t) => {
  for (const [input, canonical] of [
    ['192.0.2.1:3478', '192.0.2.1:3478'],
    ['[2001:DB8:0:0::1]:0', '[2001:db8::1]:0'],
    ['[::ffff:192.0.2.1]:80', '192.0.2.1:80'],
    ['[::192.0.2.1]:80', '[::c000:201]:80'],
    [{ address: '192.0.2.1', port: 65_535 }, '192.0.2.1:65535'],
    [{ address: '2001:db8::1', port: -0 }, '[2001:db8::1]:0'],
  ] as const) {
    t.equal(formatAddress(toAddress(input)), canonical);
  }
  t.ok(Object.is(toAddress({ address: '::1', port: -0 }).port, 0));
});

/** Invalid addresses, each with the reason in the message. */
const WRONG: readonly (readonly [input: unknown, reason: RegExp])[] = [
  ['', /it is empty/],
  ['localhost:8080', /"localhost" is a name, and names are not resolved: write 127\.0\.0\.1/],
  ['dir.example:443', /"dir\.example" is a name.*write its IP address/],
  ['localhost', /the port is missing, and names are not resolved/],
  ['192.0.2.1', /the port is missing: 192\.0\.2\.1:3478/],
  ['192.0.2.1:', /the port is missing/],
  ['192.0.2.1:http', /"http" is no port/],
  ['192.0.2.1:-1', /"-1" is no port/],
  ['192.0.2.1:65536', /65536 is no port: a whole number from 0 to 65535/],
  ['192.0.2.1:999999', /"999999" is no port/],
  ['192.0.2.300:1', /"192\.0\.2\.300" is no IP address/],
  ['192.0.2:1', /"192\.0\.2" is no IP address/],
  ['0192.0.2.1:1', /"0192\.0\.2\.1" is no IP address/],
  ['::1', /in brackets, and the port: \[::1\]:3478/],
  ['2001:db8::1:3478', /in brackets/],
  ['[::1]', /the port is missing: \[::1\]:3478/],
  ['[::1]:', /the port is missing/],
  ['[::g]:1', /"::g" is no IP address/],
  ['[192.0.2.1]:1', /brackets are for IPv6/],
  ['fe80::1%eth0', /in brackets, and the port/],
  ['[fe80::1%eth0]:1', /zone ids are not supported/],
  ['http://192.0.2.1:80', /it is a URL/],
  [' 192.0.2.1:80', /no space/],
  ['192.0.2.1:80\n', /no space/],
  [':8080', /write 0\.0\.0\.0 or \[::\]/],
  ['*:8080', /write 0\.0\.0\.0 or \[::\]/],
  [undefined, /neither text nor an object/],
  [null, /neither text nor an object/],
  [8080, /neither text nor an object/],
  [Symbol('x'), /neither text nor an object/],
  [[], /undefined is no port/],
  [{}, /undefined is no port/],
  [{ address: '192.0.2.1' }, /undefined is no port/],
  [{ address: '192.0.2.1', port: '80' }, /"80" is no port/],
  [{ address: '192.0.2.1', port: Number.NaN }, /NaN is no port/],
  [{ address: '192.0.2.1', port: 1.5 }, /1\.5 is no port/],
  [{ address: 'localhost', port: 1 }, /"localhost" is a name/],
  [{ address: null, port: 1 }, /null is no IP address/],
  [
    {
      get address(): never {
        throw new Error('no');
      },
    },
    /cannot be read/,
  ],
];

t.test('an invalid address is refused with the reason and what to write', async (t) => {
  for (const [input, reason] of WRONG) {
    const decoded = decodeAddress(input);
    t.match(decoded, { ok: false, reason });
    t.throws(() => parseAddress(input as string), {
      code: 'ERR_TURNPIKE_ADDRESS',
      message: /^expected IP:PORT or \[IPv6\]:PORT, got /,
    });
  }
});

t.test('formatAddress throws for an invalid address', async (t) => {
  for (const input of [undefined, null, 1, 'x', {}, { address: 1, port: 1 }, { address: 'x' }]) {
    t.throws(() => formatAddress(input as never), { code: 'ERR_TURNPIKE_ADDRESS' });
  }
});
