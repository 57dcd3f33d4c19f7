import { DRAIN_SECONDS_MAX, TURN_SPECS } from '../../turn-server/option-specs.js';
import { type OptionTable, option, setting, settingFile } from '../config/option.js';

/** Default time for which clients may finish after a stop signal, in seconds. */
export const DRAIN_DEFAULT_SECONDS = 5;

/** Options of a program that serves TURN. */
export const TURN_TABLE = {
  user: setting(TURN_SPECS, 'users'),
  usersFile: settingFile(
    TURN_SPECS.users,
    'users, one a line: NAME:PASSWORD, or NAME:0xKEY with the MD5 key that coturn stores',
  ),
  authSecret: setting(TURN_SPECS, 'authSecrets'),
  authSecretFile: settingFile(
    TURN_SPECS.authSecrets,
    "shared secrets of time-limited credentials, one a line; coturn's static-auth-secret",
  ),
  oauthKeysFile: settingFile(
    TURN_SPECS.oauthKeys,
    "keys of access tokens (RFC 7635), one a line, as coturn's turnadmin --list-oauth has them",
  ),
  oauthServerName: setting(TURN_SPECS, 'oauthServerName'),
  relayAddress: setting(TURN_SPECS, 'relayAddresses'),
  stunServer: setting(TURN_SPECS, 'stunServer'),
  relayPorts: setting(TURN_SPECS, 'relayPorts'),
  defaultFamily: setting(TURN_SPECS, 'defaultFamily'),
  realm: setting(TURN_SPECS, 'realm'),
  allowPeer: setting(TURN_SPECS, 'allowPeers'),
  denyPeer: setting(TURN_SPECS, 'denyPeers'),
  allowPrivatePeers: setting(TURN_SPECS, 'allowPrivatePeers'),
  userQuota: setting(TURN_SPECS, 'userQuota'),
  maxLifetime: setting(TURN_SPECS, 'lifetimeSecondsMax'),
  userBandwidth: setting(TURN_SPECS, 'userBandwidth'),
  allocations: setting(TURN_SPECS, 'allocationsMax'),
  mobility: setting(TURN_SPECS, 'mobility'),
  softwareAttribute: setting(TURN_SPECS, 'softwareAttribute'),
  steering: setting(TURN_SPECS, 'steering'),
  alternateServer: setting(TURN_SPECS, 'alternateServers'),
  drainSeconds: option(
    { kind: 'integer', minimum: 0, maximum: DRAIN_SECONDS_MAX, default: DRAIN_DEFAULT_SECONDS },
    'time that clients may finish in after a stop signal',
    { changes: 'at start' },
  ),
} as const satisfies OptionTable;

/** What is logged of credentials that a reload has changed, in place of them. */
export const CREDENTIAL_WORDS = {
  user: ({ user }: Options) => `${countOf(user)} users of --user`,
  'auth-secret': ({ authSecret }: Options) =>
    `${countOf(authSecret)} shared secrets of --auth-secret`,
} as const;

type Options = Readonly<Record<string, unknown>>;

function countOf(list: unknown): number {
  return (list as readonly string[]).length;
}
