import { Compile } from 'typebox/compile';
import {
  canonicalIp,
  decodeAddress,
  formatAddress,
  parseAddress,
  transportAddress,
} from '../../../src/address.js';
import { NONCE_CHARACTERS, NonceIssuer, securityFeatures } from '../../../src/auth/nonce.js';
import { featuresOf } from '../../../src/auth/realm.js';
import { RestSecrets } from '../../../src/auth/rest-secrets.js';
import { StaticUsers } from '../../../src/auth/static-users.js';
import { parseTenantUsername } from '../../../src/auth/tenant-credentials.js';
import { TenantTurnUsers } from '../../../src/auth/tenant-turn-credentials.js';
import type { CredentialSource } from '../../../src/auth/turn-principal.js';
import { TurnVerifier } from '../../../src/auth/turn-verifier.js';
import { parseConfig } from '../../../src/cli/config/config-file.js';
import { directoryProblem } from '../../../src/client/directory-problem.js';
import { parseGrant, parseGrantPair } from '../../../src/client/grant.js';
import { systemClock } from '../../../src/clock.js';
import { ApiKeys } from '../../../src/directory/http/api-keys.js';
import { parseIncoming } from '../../../src/directory/rendezvous/messages.js';
import { decodeSecret } from '../../../src/files/secret-file.js';
import { ClientSources } from '../../../src/http/client-sources.js';
import { OVERLAY_REALM } from '../../../src/overlay/leg-credentials.js';
import { canonicalRecord } from '../../../src/registry/record.js';
import {
  BeatRequest,
  RegistrationRequest,
  RelayRecordShape,
} from '../../../src/registry/schemas.js';
import { parseSigning, SIGNING_HEADERS } from '../../../src/registry/signing.js';
import { userHash } from '../../../src/stun/integrity.js';
import { PeerPolicy } from '../../../src/turn/peer-policy.js';
import { bytesOfIp, isInRange, parsePeerRange } from '../../../src/turn/peer-ranges.js';
import { IDLE, relayRecord } from '../../directory/fixtures.js';
import { parseUsername } from '../../overlay/parse-username.js';
import { assertThat, bytesOf, type FuzzTarget, jsonOf, outcomeOf, textOf } from '../target.js';

const ROOT = new Uint8Array(32).fill(9);
const IP = '192.0.2.1';
const NONCES = new NonceIssuer({
  secret: ROOT,
  features: featuresOf(OVERLAY_REALM),
  clock: systemClock,
  lifetimeSeconds: 3_600,
});
const json = (value: unknown) => bytesOf(JSON.stringify(value));
const JSON_WORDS = [
  'null',
  'true',
  '0',
  '-1',
  '1e999',
  '""',
  '[]',
  '{}',
  '"__proto__":',
  '\\u0000',
];

const address: FuzzTarget = {
  name: 'address',
  about: 'addresses with and without a port, in all spellings',
  seeds: () =>
    ['192.0.2.1:3478', '[2001:db8::1]:3478', '::ffff:192.0.2.1', '0.0.0.0:0'].map(bytesOf),
  words: ['::', ':', '.', '[', ']', '%eth0', '::ffff:', '64:ff9b::', '0x7f', '127.1', '65536'],
  run: (input) => {
    const text = textOf(input);
    const ip = outcomeOf(() => {
      const canonical = canonicalIp(text);
      assertThat(canonicalIp(canonical) === canonical, 'the canonical form is not stable');
    });
    const whole = outcomeOf(() => {
      const parsed = parseAddress(text);
      assertThat(
        formatAddress(parseAddress(formatAddress(parsed))) === formatAddress(parsed),
        'formats to another address',
      );
      transportAddress(parsed.address, parsed.port);
    });
    const given = jsonOf(input);
    const decoded = given === undefined ? 'none' : decodeAddress(given.value).ok;
    return `${ip} ${whole} ${decoded}`;
  },
};

const ANYBODY = new PeerPolicy({ allow: ['0.0.0.0/0', '::/0'] });
const PUBLIC = new PeerPolicy();

const peers: FuzzTarget = {
  name: 'peer-policy',
  about: "peers' addresses in every spelling, and entries of lists of peers",
  seeds: () =>
    [
      ...['8.8.8.8', '2606:4700::1111', '::ffff:10.0.0.1', '64:ff9b::127.0.0.1', '2002:7f00:1::1'],
      ...['10.0.0.0/8', '10.0.0.1-10.0.0.9', 'fd00::1-fd00::3', '::ffff:10.0.0.0/104'],
    ].map(bytesOf),
  words: ['::', ':', '.', '/', '-', '5efe:', '64:ff9b:1:', '2001:0:', '%eth0', '0x7f', '/96', '/0'],
  run: (input) => {
    const text = textOf(input);
    const verdict = PUBLIC.check(text);
    if (verdict === 'allowed') {
      const canonical = canonicalIp(text);
      assertThat(ANYBODY.check(canonical) === 'allowed', 'refused where all are allowed');
      assertThat(PUBLIC.check(canonical) === 'allowed', 'the canonical form is judged otherwise');
      const isIpv4 = !canonical.includes(':');
      assertThat(
        isIpv4 || isIn(canonical, '2000::/3') || isIn(canonical, '64:ff9b::/96'),
        'special',
      );
      const mapped = isIpv4 ? `64:ff9b::${canonical}` : canonical;
      assertThat(PUBLIC.check(mapped) === 'allowed', 'its translation is judged otherwise');
    }
    const range = outcomeOf(() => {
      const prefixes = parsePeerRange(text);
      assertThat(prefixes.length >= 1 && prefixes.length <= 254, 'no prefix, or too many');
      for (const { bytes, bits } of prefixes) {
        assertThat(bits >= 0 && bits <= 8 * bytes.length, 'longer than an address');
        assertThat(isInRange(bytes, { bytes, bits }), 'a range without its first address');
      }
    });
    return `${verdict} ${range}`;
  },
};

function isIn(ip: string, range: string): boolean {
  return parsePeerRange(range).some((each) => isInRange(bytesOfIp(ip), each));
}

const credentials: FuzzTarget = {
  name: 'turn-credentials',
  about: 'files of users and of shared secrets, and the usernames of both',
  seeds: () =>
    ['# users\nalice:secret\r\n\nbob:0x00112233445566778899aabbccddeeff\n', '1800000000:alice'].map(
      bytesOf,
    ),
  words: [':', '\n', '\r\n', '#', '0x', '\0', '\u0308', '\u2028', '1800000000:', ' '],
  run: (input) => {
    const text = textOf(input);
    const files = [{ source: 'file', text }];
    let outcome = '';
    for (const parse of [StaticUsers.parse, RestSecrets.parse] as const) {
      const sources: CredentialSource[] = [];
      outcome += `${outcomeOf(() => sources.push(parse({ files })))} `;
      const verifier = new TurnVerifier({ realm: 'example.org', sources });
      for (const name of [text, ...sources.flatMap(({ usernames }) => [...(usernames ?? [])])]) {
        const user = verifier.find(name);
        const [key] = user?.keysFor('md5') ?? [];
        if (key === undefined) continue;
        assertThat(verifier.accepts(name, key), 'a key that it does not accept');
        user?.proved(key);
        assertThat(verifier.find(name)?.isRemembered === true, 'a user that is not remembered');
        assertThat(verifier.findByHash(userHash(name, 'example.org')) !== undefined, 'no hash');
        outcome += user?.principal.expiresAtSeconds === undefined ? 'static ' : 'minted ';
        break;
      }
    }
    return outcome;
  },
};

const proxies: FuzzTarget = {
  name: 'proxy-prefix',
  about: 'prefixes of trusted proxies, and sources of addresses',
  seeds: () => ['10.0.0.0/8', '2001:db8::/32', '192.0.2.1'].map(bytesOf),
  words: ['/', '/0', '/33', '/129', '/-1', '/08', '::ffff:', ':', '.'],
  run: (input) => {
    const prefix = textOf(input);
    const outcome = outcomeOf(() => {
      const sources = new ClientSources([prefix]);
      for (const ip of [IP, '::ffff:10.0.0.1', '2001:db8::1']) sources.nameOf(ip);
    });
    return outcome;
  },
};

const TENANT_USERS = new TenantTurnUsers(new Uint8Array(32));

const username: FuzzTarget = {
  name: 'username',
  about: "usernames of peers and of tenants' users of TURN, which are their credentials",
  seeds: () =>
    [`1800000000:default/${'00'.repeat(16)}/0`, '1800000000:default/turn/alice'].map(bytesOf),
  words: [':', '/', '/name=value', '-', '0', '00000000000000000000'],
  run: (input) => {
    const text = textOf(input);
    const credential = parseUsername(text);
    const parsed = parseTenantUsername(text);
    const turnUser = TENANT_USERS.find(text)?.principal;
    if (parsed === undefined) {
      assertThat(credential === undefined, 'a leg without a tenant');
      assertThat(turnUser === undefined, 'a user of TURN without a tenant');
      return 'none';
    }
    assertThat(text.endsWith(`:${parsed.tenant}/${parsed.subject}`), 'a subject of its own');
    if (turnUser !== undefined) {
      assertThat(credential === undefined, 'a credential of both usages');
      assertThat(text.endsWith(`:${turnUser.user}`), 'another user');
      assertThat(turnUser.expiresAtSeconds === parsed.expiresAtSeconds, 'another expiry');
      return 'turn';
    }
    if (credential === undefined) return 'no leg';
    assertThat(credential.tenant === parsed.tenant, 'two tenants');
    assertThat(/^[a-z0-9][a-z0-9.-]{0,62}$/.test(credential.tenant), 'no tenant');
    assertThat(/^[0-9a-f]{32}$/.test(credential.connectionId), 'no identifier');
    assertThat(Number.isSafeInteger(credential.expiresAtSeconds), 'no time');
    return `role ${credential.role}`;
  },
};

const nonce: FuzzTarget = {
  name: 'nonce',
  about: 'nonces, issued or forged',
  seeds: () => [bytesOf(NONCES.issue(IP)), bytesOf(NONCES.issue('2001:db8::1'))],
  words: ['obMatJos2', '=', '+', '/', 'AAAA'],
  run: (input) => {
    const text = textOf(input);
    const { state } = NONCES.check(IP, text);
    const features = securityFeatures(text);
    if (state !== 'invalid') assertThat(text.length === NONCE_CHARACTERS, 'another length passes');
    return `${state} ${Object.values(features).map(Number).join('')}`;
  },
};

const secret: FuzzTarget = {
  name: 'secret',
  about: 'lines of secret files',
  seeds: () => [bytesOf(Buffer.alloc(32, 3).toString('base64'))],
  words: ['=', '==', ' ', '\n', '-', '_'],
  run: (input) => {
    const decoded = decodeSecret(textOf(input));
    if (decoded === undefined) return 'none';
    assertThat(decoded.length === 32, 'a secret of another length');
    return 'secret';
  },
};

const config: FuzzTarget = {
  name: 'config',
  about: 'configuration files in YAML',
  seeds: () =>
    [
      'listen: 127.0.0.1:3478\nworkers: 2\n# a comment\n',
      'listen: [127.0.0.1:1, "[::1]:2"]\n',
      'a: &x 1\nb: *x\n<<: {c: 3}\n',
      '{"json": true}',
    ].map(bytesOf),
  words: ['&a ', '*a', '<<: ', '!!map ', '- ', '? ', ': ', '\n', '  ', '|', '>', '"', '---\n', '%'],
  run: (input) =>
    outcomeOf(() => {
      for (const { key, line } of parseConfig('fuzz.yaml', textOf(input))) {
        assertThat(typeof key === 'string' && line >= 1, 'an entry without key or line');
      }
    }),
};

const shapes = {
  registration: Compile(RegistrationRequest),
  beat: Compile(BeatRequest),
  record: Compile(RelayRecordShape),
};

const registration: FuzzTarget = {
  name: 'registration',
  about: 'registrations, beats and relay records',
  seeds: () => {
    const record = relayRecord('fra-1', 1);
    const said = { load: IDLE, draining: false, fetchesRegistry: true };
    const reachability = { trunk: [{ id: 'nyc-1', reason: 'no-answer' }] };
    return [
      json(record),
      json({ record, ...said, reachability }),
      json({ start: 1, registryVersion: null, ...said }),
    ];
  },
  words: JSON_WORDS,
  run: (input) => {
    const parsed = jsonOf(input);
    if (parsed === undefined) return 'no JSON';
    const { value } = parsed;
    const request = shapes.registration.Check(value);
    const record = request ? value.record : value;
    const takes = `${request} ${shapes.beat.Check(value)}`;
    if (!shapes.record.Check(record)) return takes;
    const canonical = canonicalRecord(record);
    if (!canonical.ok) return `${takes} refused`;
    assertThat(canonicalRecord(canonical.record).ok, 'the canonical record is refused');
    return `${takes} record`;
  },
};

const signing: FuzzTarget = {
  name: 'signing-headers',
  about: 'the headers that sign a request of a relay, and API keys',
  seeds: () => [json(['1795334400123', '0'.repeat(32), 'c2lnbmF0dXJl', 'Bearer the-api-key'])],
  words: [...JSON_WORDS, 'Bearer ', 'bearer', '\\r\\n'],
  run: (input) => {
    const value = jsonOf(input)?.value;
    const [time, number, signature, authorization] = Array.isArray(value) ? value : [];
    const headers: Readonly<Record<string, unknown>> = {
      [SIGNING_HEADERS.time]: time,
      [SIGNING_HEADERS.nonce]: number,
      [SIGNING_HEADERS.signature]: signature,
    };
    const parsed = parseSigning((header) => headers[header]);
    const holder = typeof authorization === 'string' ? API_KEYS.holderOf(authorization) : undefined;
    return `${parsed === undefined ? 'none' : 'signed'} ${holder?.isOperator}`;
  },
};
const API_KEYS = new ApiKeys([{ key: 'the-api-key', tenant: 'default' }], ['operators-key']);

const half = (role: 0 | 1) => ({
  role,
  relay: { id: 'fra-1', region: 'fra', address: '192.0.2.10', port: 3_478 },
  peerRelay: { address: '192.0.2.20', port: 3_478 },
  username: 'user',
  password: 'password',
});
const common = {
  connectionId: '0'.repeat(32),
  expiresAt: '2026-11-22T15:00:00Z',
  realm: 'turnpike',
};

const answers: FuzzTarget = {
  name: 'directory-answer',
  about: 'answers of a directory to a peer',
  seeds: () => [
    json({ ...common, peers: [half(0), half(1)] }),
    json({ ...common, ...half(0), peerRelay: '192.0.2.20:3478' }),
    json({ code: 'no-relay', title: 'none', detail: 'none', retryAfterSeconds: 3 }),
  ],
  words: JSON_WORDS,
  run: (input) => {
    const problem = directoryProblem(503, textOf(input));
    assertThat(problem.code === 'ERR_TURNPIKE_DIRECTORY', 'another error');
    const parsed = jsonOf(input);
    if (parsed === undefined) return 'no JSON';
    const offer = outcomeOf(() => parseGrantPair(parsed.value));
    return `${offer} ${outcomeOf(() => parseGrant(parsed.value))}`;
  },
};

const rendezvous: FuzzTarget = {
  name: 'rendezvous',
  about: 'messages of peers in a rendezvous room',
  seeds: () => [
    json({ type: 'join', room: 'lobby', member: 'm'.repeat(16), peer: { region: 'fra' } }),
    json({ type: 'address', connectionId: '0'.repeat(32), address: '192.0.2.1', port: 1 }),
  ],
  words: [...JSON_WORDS, '\\ud800', '\u0000'],
  run: (input) => {
    const parsed = parseIncoming(textOf(input));
    return parsed.ok ? parsed.message.type : parsed.reason.slice(0, 24);
  },
};

export const TEXT: readonly FuzzTarget[] = [
  address,
  peers,
  credentials,
  proxies,
  username,
  nonce,
  secret,
  config,
  registration,
  signing,
  answers,
  rendezvous,
];
