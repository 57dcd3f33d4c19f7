/**
 * What becomes of a key of coturn: `taken` as an option; `same`: it asks for what is always so
 * here; `no-effect`: nothing here corresponds to it, and nobody's access changes; `warned`: clients
 * or the operator may miss what it asks for; `refused`: the server does not start with it, since
 * more would be served than it allows, or users and peers would be others.
 */
export type CoturnVerdict = 'taken' | 'same' | 'no-effect' | 'warned' | 'refused';

/** A key of a `turnserver.conf`. */
export interface CoturnKey {
  readonly verdict: CoturnVerdict;
  /** The option that takes it, or what is so here: a phrase without a full stop. */
  readonly here: string;
  /** Whether its value is a truth value: one that is false asks for nothing. */
  readonly isFlag: boolean;
  /** A value that asks for what is so here anyway. */
  readonly usual?: string;
}

type Keys = Readonly<Record<string, CoturnKey>>;

function keys(
  verdict: CoturnVerdict,
  here: string,
  { flags = '', values = '', usual }: { flags?: string; values?: string; usual?: string },
): Keys {
  const more = usual === undefined ? {} : { usual };
  const of = (names: string, isFlag: boolean) =>
    names
      .split(' ')
      .filter((name) => name !== '')
      .map((name) => [name, { verdict, here, isFlag, ...more }] as const);
  return Object.fromEntries([...of(flags, true), ...of(values, false)]);
}

const NAT_DISCOVERY =
  '`--nat-discovery`, with two `listening-ip` of one family and without `no-stun` and ' +
  '`secure-stun`, else a warning; so is `alt-listening-port` without `rfc5780`';

const TAKEN: Keys = {
  ...keys('taken', '`--listen`', { values: 'listening-port listening-ip aux-server' }),
  ...keys('taken', '`--max-lifetime`, of 600 to 86,400 s', { values: 'max-allocate-lifetime' }),
  ...keys('taken', '`--binding off`', { flags: 'no-stun' }),
  ...keys('taken', '`--binding authenticated`, unless there is `no-stun`, as in coturn', {
    flags: 'secure-stun',
  }),
  ...keys('taken', NAT_DISCOVERY, {
    flags: 'rfc5780',
    values: 'alt-listening-port',
  }),
  ...keys('taken', '`--relay-address`', { values: 'relay-ip external-ip' }),
  ...keys('taken', '`--relay-ports`', { values: 'min-port max-port' }),
  ...keys('taken', '`--realm`', { values: 'realm' }),
  ...keys('taken', '`--user`, unless there is a shared secret, as in coturn', { values: 'user' }),
  ...keys('taken', '`--auth-secret`', { values: 'static-auth-secret' }),
  ...keys('taken', 'only shared secrets count, and no `user`', { flags: 'use-auth-secret' }),
  ...keys('taken', 'it needs `--oauth-keys-file`: the keys are in a database, which is not read', {
    flags: 'oauth',
  }),
  ...keys('taken', '`--oauth-server-name`, where `oauth` is on', { values: 'server-name' }),
  ...keys('taken', '`--allow-peer`', { values: 'allowed-peer-ip' }),
  ...keys('taken', '`--allow-peer` 127.0.0.0/8 and ::1', { flags: 'allow-loopback-peers' }),
  ...keys('taken', '`--deny-peer`', { values: 'denied-peer-ip' }),
  ...keys('taken', '`--user-quota`', { values: 'user-quota' }),
  ...keys('taken', '`--allocations`', { values: 'total-quota' }),
  ...keys(
    'taken',
    '`--user-bandwidth`, which is of a user and of both directions together: twice as much for ' +
      'each session of `user-quota`; without that quota a warning, and no bound',
    { values: 'max-bps' },
  ),
  ...keys('taken', '`--default-family`; `keep` is `client`', {
    values: 'allocation-default-address-family',
  }),
  ...keys('taken', '`--default-family client`', { flags: 'keep-address-family' }),
  ...keys('taken', '`--mobility`', { flags: 'mobility' }),
  ...keys('taken', '`--software-attribute`', { flags: 'software-attribute' }),
  ...keys('taken', '`--workers`, at most 16; 0 is 1', { values: 'relay-threads' }),
  ...keys('taken', '`--http`, port 9641 of all addresses; metrics have other names', {
    flags: 'prometheus',
    values: 'prometheus-port prometheus-address',
  }),
};

const SAME: Keys = {
  ...keys('same', 'credentials are always asked for', { flags: 'lt-cred-mech' }),
  ...keys('same', 'only UDP is served', {
    flags: 'no-tcp no-tls no-dtls no-tcp-relay',
  }),
  ...keys('same', 'such peers are refused unless `--allow-peer` has them', {
    flags: 'no-multicast-peers no-loopback-peers',
  }),
  ...keys('same', 'there is no such interface', { flags: 'no-cli' }),
  ...keys('same', 'no SOFTWARE attribute is sent without `--software-attribute`', {
    flags: 'no-software-attribute',
  }),
  ...keys(
    'same',
    'a Binding response has XOR-MAPPED-ADDRESS alone, unless `--nat-discovery` is on',
    {
      flags: 'no-rfc5780 no-stun-backward-compatibility response-origin-only-with-rfc5780',
    },
  ),
  ...keys('same', 'TLS is not served', {
    flags: 'no-sslv2 no-sslv3 no-tlsv1 no-tlsv1_1 no-tlsv1_2',
  }),
  ...keys('same', 'channels are 0x4000 to 0x7FFF', { flags: 'rfc5766-channel-numbers' }),
  ...keys('same', 'answers to strangers are within a budget for each source', {
    flags: 'unauthorized-ratelimit',
    values: 'unauthorized-ratelimit-rps',
  }),
  ...keys('same', 'nonces need no memory and live an hour', {
    flags: 'stateless-nonce',
    values: 'stale-nonce',
  }),
};

const NO_EFFECT: Keys = {
  ...keys('no-effect', 'a response has FINGERPRINT where its request has', {
    flags: 'fingerprint',
  }),
  ...keys('no-effect', 'the log goes to standard error; see `--log-level`', {
    flags: 'verbose Verbose syslog simple-log no-stdout-log new-log-timestamp log-binding',
    values: 'log-file syslog-facility new-log-timestamp-format log-min-level',
  }),
  ...keys('no-effect', 'it runs in the foreground, and its supervisor knows its process', {
    flags: 'daemon prod',
    values: 'pidfile',
  }),
  ...keys('no-effect', 'only UDP is served', {
    flags: 'dh566 dh1066 dh2066 raw-public-keys tlsv1 tlsv1_1 respond-http-unsupported',
    values: 'dh-file ec-curve-name cipher-list pkey-pwd CA-file acme-redirect',
  }),
  ...keys('no-effect', 'there is no console and no web page: see `--http`', {
    flags: 'cli web-admin web-admin-listen-on-workers',
    values: 'cli-ip cli-port cli-password cli-max-output-sessions web-admin-ip web-admin-port',
  }),
  ...keys('no-effect', 'it is about how coturn works inside', {
    flags:
      'no-dynamic-ip-list no-dynamic-realms no-auth-pings udp-self-balance udp-recvmmsg udp-gso ' +
      'udp-recvmmsg-log udp-sendmmsg-log drop-invalid-packets drop-invalid-packets-log ' +
      'multiplex-peer include-reason-string version',
    values:
      'ne cpus sock-buf-size multiplex-peer-port multiplex-peer-max-peers max-allocate-timeout ' +
      'secret-ts-exp-time stateless-nonce-secret drain-min-allocations',
  }),
  ...keys('no-effect', 'ORIGIN is not used', { flags: 'check-origin-consistency' }),
  ...keys('no-effect', 'databases are not read', { values: 'secret-key-file' }),
};

const WARNED: Keys = {
  ...keys('warned', 'TLS and DTLS are not served: clients need `turn:` URLs with transport=udp', {
    flags: 'dtls',
    values: 'cert pkey tls-listening-port alt-tls-listening-port',
  }),
  ...keys(
    'warned',
    'sockets are bound to the addresses that are given, by whichever interface packets come; ' +
      'without `listening-ip` or `relay-ip` it does not start',
    {
      values: 'listening-device relay-device',
    },
  ),
  ...keys('warned', 'only UDP is served, without a proxy', { values: 'tcp-proxy-port' }),
  ...keys('warned', 'RFC 3489 is not served', {
    flags: 'rfc3489-compatibility stun-backward-compatibility',
  }),
  ...keys(
    'warned',
    'users, secrets and denied peers of this database are not known: give them as options',
    {
      values: 'userdb db',
    },
  ),
  ...keys('warned', 'no statistics go to Redis: see `--http`', { values: 'redis-statsdb' }),
  ...keys(
    'warned',
    'the bandwidth of all sessions together is not limited: `--user-bandwidth` bounds each user',
    { values: 'bps-capacity', usual: '0' },
  ),
  ...keys('warned', 'a channel always lives 600 s, which RFC 8656 fixes and clients count on', {
    values: 'channel-lifetime',
    usual: '600',
  }),
  ...keys('warned', 'a permission always lives 300 s, which RFC 8656 fixes and clients count on', {
    values: 'permission-lifetime',
    usual: '300',
  }),
  ...keys('warned', 'a peer always needs a permission', { flags: 'server-relay' }),
  ...keys(
    'warned',
    'clients are sent on only where this server is full or drains: `--alternate-server`',
    {
      values: 'alternate-server tls-alternate-server tcp-alternate-server udp-alternate-server',
    },
  ),
  ...keys('warned', 'it keeps the user that starts it: let the supervisor choose that', {
    values: 'proc-user proc-group',
  }),
  ...keys('warned', '`--http` serves /metrics without TLS, and without labels of users', {
    flags: 'prometheus-tls prometheus-username-labels',
    values: 'prometheus-path prometheus-cert prometheus-key',
    usual: '/metrics',
  }),
};

const REFUSED: Keys = {
  ...keys('refused', 'it would relay for everybody', { flags: 'no-auth' }),
  ...keys('refused', 'only UDP is served', { flags: 'no-udp no-udp-relay' }),
  ...keys('refused', 'it serves TURN', { flags: 'stun-only' }),
  ...keys('refused', 'databases are not read: give users, secrets and denied peers as options', {
    values: 'psql-userdb sql-userdb mysql-userdb mongo-userdb redis-userdb',
  }),
  ...keys('refused', 'time-limited usernames are EXPIRY:NAME', {
    values: 'rest-api-separator',
    usual: ':',
  }),
};

/** Every key of coturn 4.4 to 4.17. */
export const COTURN_KEYS: Keys = { ...TAKEN, ...SAME, ...NO_EFFECT, ...WARNED, ...REFUSED };
