import { BANDWIDTH_MAX, DATA_PLANE_SPECS, FORWARDING_SPECS } from '../native/option-specs.js';
import { HOST_SPECS } from '../options/host.js';
import type { Settings } from '../options/option-spec.js';
import { SPECS } from '../options/shared-specs.js';
import { REALM_CHARACTERS_MAX } from '../stun/attribute-types.js';
import { TURN_LIMITS } from '../turn/turn-limits.js';
import type { TurnServerOptions, TurnSettings } from './options.js';

/** Maximum users with a password of their own. */
export const USERS_MAX = 65_536;

/** Maximum shared secrets of time-limited credentials (`RestSecrets`). */
export const AUTH_SECRETS_MAX = 8;

/** Maximum keys of access tokens (`OauthKeys`). */
export const OAUTH_KEYS_MAX = 1_024;

/** Maximum length of the server's name in THIRD-PARTY-AUTHORIZATION. */
export const OAUTH_SERVER_NAME_MAX = 255;

/** Maximum relay addresses. */
export const RELAY_ADDRESSES_MAX = 64;

/** Maximum relayed transport addresses that `allocationsMax` can allow. */
export const ALLOCATIONS_LIMIT = 1_000_000;

/** Maximum time for which a server drains, in seconds: a day. */
export const DRAIN_SECONDS_MAX = 86_400;

/** Maximum of `lifetimeSecondsMax`: a day, for which a client that has gone can hold a port. */
export const LIFETIME_SECONDS_LIMIT = 86_400;

/** Default of `authenticateTimeoutMs`: a client sends its request for about eight times as long. */
export const AUTHENTICATE_TIMEOUT_DEFAULT_MS = 5_000;

/** Minimum of `authenticateTimeoutMs`. */
export const AUTHENTICATE_TIMEOUT_MS_MIN = 100;

/** Maximum of `authenticateTimeoutMs`: after 39.5 s a client sends no more (RFC 8489 6.2.1). */
export const AUTHENTICATE_TIMEOUT_MS_MAX = 40_000;

/** Default UDP port of a TURN server (RFC 8656 section 3.1). */
export const TURN_PORT = 3_478;

/** Default ports to relay from (RFC 8656 section 7.2). */
export const RELAY_PORTS_DEFAULT = '49152-65535';

/** A range of peers; `parsePeerRange` reads it. */
const PEERS = {
  kind: 'text',
  pattern: '^[0-9A-Fa-f.:/ -]+$',
  lengthMin: 2,
  lengthMax: 100,
  repeat: true,
  words: 'an address, a prefix such as 10.0.0.0/8, or a range such as 10.0.0.1-10.0.0.9',
  placeholder: 'CIDR',
} as const;

/** Settings that a TURN server and a relay take. Data only, as `options/shared-specs.ts`. */
export const TURN_SPECS = {
  relayAddresses: {
    kind: 'text',
    pattern: '^(auto|[0-9A-Fa-f.:]+)(/(auto|[0-9A-Fa-f.:]+))?$',
    lengthMin: 2,
    lengthMax: 93,
    repeat: true,
    itemsMax: RELAY_ADDRESSES_MAX,
    words: 'an IP address, two with a slash between, such as 10.0.0.5/192.0.2.10, or auto',
    changes: 'at start',
    description:
      'IP of this host to relay from; behind a one-to-one NAT, after a slash, the one that ' +
      'others see; auto: both are found out, the latter by asking --stun-server',
    placeholder: 'IP[/ADVERTISED]',
    defaultText: "this host's address by the default route of each family",
  },
  stunServer: {
    kind: 'text',
    pattern: '^[0-9A-Za-z.:[\\]-]+$',
    lengthMin: 1,
    lengthMax: 261,
    words: 'HOST, HOST:PORT or [IPv6]:PORT, where HOST is a name or an IPv4 address',
    changes: 'at start',
    description:
      'STUN server outside the NAT that --relay-address auto asks; no server is asked unless it ' +
      'is named here, and a SIGHUP asks it again',
    placeholder: 'HOST[:PORT]',
  },
  relayPorts: {
    kind: 'text',
    pattern: '^[0-9]{1,5}-[0-9]{1,5}$',
    lengthMin: 3,
    lengthMax: 11,
    words: 'MIN-MAX, two ports',
    default: RELAY_PORTS_DEFAULT,
    changes: 'at start',
    description: 'UDP ports to relay from, on every relay address',
    placeholder: 'MIN-MAX',
  },
  defaultFamily: {
    kind: 'choice',
    choices: ['ipv4', 'ipv6', 'client'],
    default: 'ipv4',
    changes: 'at start',
    description:
      "family to relay from for clients that name none; client: that of the client's address",
  },
  realm: {
    kind: 'text',
    pattern: '^[^\\p{Cc}"\\\\]+$',
    lengthMin: 1,
    lengthMax: REALM_CHARACTERS_MAX,
    words:
      `text of 1 to ${REALM_CHARACTERS_MAX} characters without " and \\, such as a domain ` +
      'name',
    default: 'turnpike',
    changes: 'at start',
    description: 'realm of the credentials; 0x keys are made for one realm',
    placeholder: 'NAME',
  },
  users: {
    kind: 'text',
    pattern: '^[^:\\p{Cc}]+:\\P{Cc}+$',
    lengthMin: 3,
    lengthMax: 1_024,
    repeat: true,
    itemsMax: USERS_MAX,
    words: 'NAME:PASSWORD, or NAME:0xKEY',
    confidential: true,
    changes: 'while running',
    description: 'a user; other users of this host see it in the list of processes',
    placeholder: 'NAME:PASSWORD',
  },
  authSecrets: {
    kind: 'text',
    pattern: '^\\P{Cc}+$',
    lengthMin: 1,
    lengthMax: 1_024,
    repeat: true,
    itemsMax: AUTH_SECRETS_MAX,
    words: 'text without control characters',
    confidential: true,
    changes: 'while running',
    description:
      'shared secret of time-limited credentials (REST); other users of this host see it in the ' +
      'list of processes',
    placeholder: 'TEXT',
  },
  oauthKeys: {
    kind: 'text',
    pattern: '^\\P{Cc}+$',
    lengthMin: 1,
    lengthMax: 1_024,
    repeat: true,
    itemsMax: OAUTH_KEYS_MAX,
    words: 'kid=NAME, ikm_key=BASE64 and the like',
    confidential: true,
    changes: 'while running',
    description: 'key of access tokens (RFC 7635)',
    placeholder: 'KEY',
  },
  oauthServerName: {
    kind: 'text',
    pattern: '^[!-~]+$',
    lengthMin: 1,
    lengthMax: OAUTH_SERVER_NAME_MAX,
    words: `1 to ${OAUTH_SERVER_NAME_MAX} printable characters of ASCII, such as a domain name`,
    changes: 'at start',
    description: 'name of this server that access tokens are made for (RFC 7635)',
    placeholder: 'NAME',
    defaultText: 'the realm',
  },
  allowPeers: {
    ...PEERS,
    changes: 'while running',
    description: 'peers that are allowed although they would be refused by default',
  },
  denyPeers: {
    ...PEERS,
    changes: 'while running',
    description: 'peers that are refused although they would be allowed by default',
  },
  allowPrivatePeers: {
    kind: 'boolean',
    default: false,
    changes: 'while running',
    description: 'allow peers in private networks (10.0.0.0/8 and the like, fc00::/7)',
  },
  userQuota: {
    kind: 'integer',
    minimum: 0,
    maximum: ALLOCATIONS_LIMIT,
    default: 0,
    changes: 'while running',
    description: 'maximum allocations of one user; 0: no quota',
  },
  lifetimeSecondsMax: {
    kind: 'integer',
    minimum: TURN_LIMITS.lifetimeSeconds,
    maximum: LIFETIME_SECONDS_LIMIT,
    default: TURN_LIMITS.lifetimeSecondsMax,
    changes: 'while running',
    description:
      'maximum lifetime of an allocation from its last Refresh, in seconds; a client that asks ' +
      'for a longer one gets this one',
    placeholder: 'SECONDS',
  },
  userBandwidth: {
    kind: 'integer',
    minimum: 0,
    maximum: BANDWIDTH_MAX,
    default: 0,
    changes: 'while running',
    description:
      'maximum bytes per second of one user, payloads of both directions together; 0: no bound',
    placeholder: 'BYTES_PER_SECOND',
  },
  allocationsMax: {
    kind: 'integer',
    minimum: 1,
    maximum: ALLOCATIONS_LIMIT,
    changes: 'at start',
    description: 'maximum allocations, each of which takes a port and an open file',
    defaultText: 'as many as ports and open files (ulimit -n) allow',
  },
  mobility: {
    kind: 'boolean',
    default: false,
    changes: 'at start',
    description:
      'clients that ask for it keep their allocation when their address changes (RFC 8016)',
  },
  softwareAttribute: {
    kind: 'boolean',
    default: false,
    changes: 'at start',
    description: 'name this software to clients with a credential (SOFTWARE), without its version',
  },
  steering: { ...FORWARDING_SPECS.steering, changes: 'at start' },
  alternateServers: {
    ...FORWARDING_SPECS.addresses,
    minimum: 1,
    itemsMin: 0,
    changes: 'while running',
    description:
      'TURN server that new clients of its address family are sent to (300) while this one ' +
      'drains or is full',
  },
  authenticate: {
    kind: 'function',
    changes: 'at start',
    description: 'looks up users that are neither in `users` nor of `authSecrets`',
  },
  authenticateTimeoutMs: {
    kind: 'integer',
    minimum: AUTHENTICATE_TIMEOUT_MS_MIN,
    maximum: AUTHENTICATE_TIMEOUT_MS_MAX,
    default: AUTHENTICATE_TIMEOUT_DEFAULT_MS,
    changes: 'at start',
    description: 'time in ms after which a call of `authenticate` is given up',
  },
  onEvent: {
    kind: 'function',
    changes: 'at start',
    description: 'called when an allocation is made, refreshed, moved or ended',
  },
} as const satisfies Settings<TurnSettings>;

/** The settings of a TURN server. Data only, as `options/shared-specs.ts`. */
export const TURN_SETTINGS = {
  listen: {
    ...FORWARDING_SPECS.addresses,
    changes: 'at start',
    itemsMin: 0,
    description: 'UDP address for clients',
    defaultText: `0.0.0.0:${TURN_PORT}, and [::]:${TURN_PORT} where there is IPv6`,
  },
  ...TURN_SPECS,
  binding: {
    kind: 'choice',
    choices: ['open', 'authenticated', 'off'],
    default: 'open',
    changes: 'at start',
    description:
      'who gets an answer to a Binding request (STUN): everybody, users with a credential, or ' +
      'nobody',
  },
  natDiscovery: {
    kind: 'boolean',
    default: false,
    changes: 'at start',
    description:
      'let clients find out how their NAT maps and filters (RFC 5780); --listen has two IP ' +
      'addresses of this host with the same two ports each',
  },
  nonceSecret: {
    ...SPECS.secret,
    changes: 'at start',
    description: 'key of nonces, which servers may share',
    defaultText: 'a random one',
  },
  workers: { ...FORWARDING_SPECS.workers, changes: 'at start' },
  coalescingUs: { ...FORWARDING_SPECS.coalescingUs, changes: 'at start' },
  busyPollUs: { ...FORWARDING_SPECS.busyPollUs, changes: 'at start' },
  cpus: { ...FORWARDING_SPECS.cpus, changes: 'at start' },
  xdp: { ...DATA_PLANE_SPECS.xdp, changes: 'at start', description: 'forwarding in drivers' },
  ...HOST_SPECS,
} as const satisfies Settings<TurnServerOptions>;
