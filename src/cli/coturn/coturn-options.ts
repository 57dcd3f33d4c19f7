import { canonicalIp, formatAddress } from '../../address.js';
import { BANDWIDTH_MAX } from '../../native/option-specs.js';
import { TURN_LIMITS } from '../../turn/turn-limits.js';
import { ALLOCATIONS_LIMIT, LIFETIME_SECONDS_LIMIT } from '../../turn-server/option-specs.js';
import type { OtherOptions } from '../config/other-file.js';
import {
  checkDevices,
  type HostFacts,
  takeListen,
  takePorts,
  takeRelayAddresses,
} from './coturn-addresses.js';
import { takeCredentials } from './coturn-credentials.js';
import type { CoturnEntry } from './coturn-file.js';
import { COTURN_KEYS, type CoturnVerdict } from './coturn-keys.js';
import { takePeers } from './coturn-peers.js';
import { CoturnReading } from './coturn-reading.js';

/** Default port of coturn's exporter of metrics. */
const PROMETHEUS_PORT = 9_641;

/** Maximum threads that `relay-threads` gives. */
const WORKERS_MAX = 16;

/** Values of `allocation-default-address-family`, and what `--default-family` calls them. */
const FAMILIES: ReadonlyMap<string, string> = new Map([
  ['ipv4', 'ipv4'],
  ['ipv6', 'ipv6'],
  ['keep', 'client'],
]);

/** Flags with an option of the same meaning. */
const FLAGS: readonly (readonly [key: string, option: string])[] = [
  ['mobility', 'mobility'],
  ['software-attribute', 'softwareAttribute'],
];

/** What coturn does and this server does not, whatever a file says. */
const DIFFERENCES: readonly string[] = [
  'coturn relays to private addresses that denied-peer-ip does not name; this server refuses ' +
    'them unless --allow-private-peers or --allow-peer allows them',
  'coturn lets allowed-peer-ip decide before denied-peer-ip; here the more specific range decides',
];

/** What a file and its host give, for `coturnOptions`. */
export interface CoturnInput {
  /** The name of the file, for messages. */
  readonly file: string;
  readonly entries: readonly CoturnEntry[];
  readonly host: HostFacts;
  /** As in `OtherFileContext`. */
  readonly isGiven: (option: string) => boolean;
}

/**
 * Maps the settings of a `turnserver.conf` to options of `turnpike turn`, by `COTURN_KEYS`. Nothing
 * is dropped silently: a setting that cannot be served as it is meant is a problem or a remark.
 * @returns options by name as a YAML file would give them, problems, and remarks for the log
 */
export function coturnOptions({ file, entries, host, isGiven }: CoturnInput): OtherOptions {
  const reading = new CoturnReading(file, entries, isGiven);
  reading.nameUnknown();
  takeListen(reading, host);
  takeRelayAddresses(reading, host);
  checkDevices(reading);
  takePorts(reading);
  takeCredentials(reading);
  takePeers(reading);
  takeRest(reading);
  sayOthers(reading);
  return reading.options;
}

function takeRest(reading: CoturnReading): void {
  const realm = reading.last('realm');
  if (realm?.value === '') reading.refuse(realm, 'it is empty');
  else if (realm !== undefined) reading.give('realm', realm.value, [realm]);
  if (realm !== undefined) reading.sayLiteral(realm);
  const userQuota = reading.atMost('user-quota', ALLOCATIONS_LIMIT, 'userQuota');
  if (userQuota !== undefined) reading.give('userQuota', userQuota, reading.all('user-quota'));
  takeBandwidth(reading, userQuota ?? 0);
  takeDefaultFamily(reading);
  for (const [key, name] of FLAGS) {
    if (reading.has(key)) reading.give(name, true, reading.all(key));
  }
  takeBinding(reading);
  takeLifetime(reading);
  const total = reading.atMost('total-quota', ALLOCATIONS_LIMIT, 'allocations') ?? 0;
  if (total > 0) reading.give('allocations', total, reading.all('total-quota'));
  const threads = reading.atMost('relay-threads', WORKERS_MAX, 'workers');
  if (threads !== undefined) {
    reading.give('workers', Math.max(threads, 1), reading.all('relay-threads'));
  }
  takeHttp(reading);
}

/** Takes `no-stun`, which counts first as in coturn, and `secure-stun` as `--binding`. */
function takeBinding(reading: CoturnReading): void {
  const isOff = reading.has('no-stun');
  if (isOff) reading.give('binding', 'off', reading.all('no-stun'));
  else if (reading.has('secure-stun')) {
    reading.give('binding', 'authenticated', reading.all('secure-stun'));
  }
}

/** Takes `max-allocate-lifetime` as `--max-lifetime`: no shorter one than clients may expect. */
function takeLifetime(reading: CoturnReading): void {
  const key = 'max-allocate-lifetime';
  const seconds = reading.atMost(key, LIFETIME_SECONDS_LIMIT, 'maxLifetime');
  const entry = reading.all(key).at(-1);
  if (seconds === undefined || entry === undefined) return;
  const least = TURN_LIMITS.lifetimeSeconds;
  reading.give('maxLifetime', Math.max(seconds, least), [entry]);
  if (seconds >= least) return;
  reading.warn(entry, `taken as --max-lifetime ${least}: RFC 8656 allows no shorter lifetime`);
}

/**
 * A bound of each session and direction becomes one of the user that never takes more away: of as
 * many sessions as the user may have, and both directions.
 */
function takeBandwidth(reading: CoturnReading, userQuota: number): void {
  const entry = reading.last('max-bps');
  const ofSession = reading.integer('max-bps') ?? 0;
  if (entry === undefined || ofSession === 0) return;
  if (userQuota === 0) {
    const why =
      'of each session in coturn, of each user here: without user-quota it is not taken, and ' +
      'nothing is bounded; give --user-bandwidth';
    return reading.warn(entry, why);
  }
  const bytes = Math.min(2 * ofSession * userQuota, BANDWIDTH_MAX);
  reading.give('userBandwidth', bytes, [entry]);
  const what = `--user-bandwidth ${bytes}: both directions of the ${userQuota} sessions of a user`;
  reading.warn(entry, `of each session in coturn, of each user here: taken as ${what} together`);
}

function takeDefaultFamily(reading: CoturnReading): void {
  const entry = reading.last('allocation-default-address-family');
  const family = FAMILIES.get(entry?.value ?? '');
  if (entry !== undefined && family === undefined) {
    return reading.refuse(entry, 'expected ipv4, ipv6 or keep');
  }
  // coturn looks at the older key first.
  if (reading.has('keep-address-family')) {
    return reading.give('defaultFamily', 'client', reading.all('keep-address-family'));
  }
  if (family !== undefined) reading.give('defaultFamily', family, [entry]);
}

function takeHttp(reading: CoturnReading): void {
  const port = reading.port('prometheus-port') ?? PROMETHEUS_PORT;
  const address = reading.last('prometheus-address');
  const [prometheus] = reading.all('prometheus');
  // coturn takes it as true whatever its value is.
  if (prometheus === undefined) return;
  const ip = address && reading.checked(address, () => canonicalIp(address.value));
  const at = formatAddress({ address: ip ?? '0.0.0.0', port });
  reading.give('http', at, [address ?? prometheus]);
}

/** Says what becomes of the settings that no option takes. */
function sayOthers(reading: CoturnReading): void {
  const of = (verdict: CoturnVerdict) =>
    reading.known.filter((entry) => COTURN_KEYS[entry.key]?.verdict === verdict && asks(entry));
  const asks = (entry: CoturnEntry) => {
    const { isFlag, usual } = COTURN_KEYS[entry.key] ?? {};
    if (entry.value !== '' && entry.value === usual) return false;
    return isFlag !== true || reading.isTrue(entry);
  };
  for (const entry of of('refused')) reading.refuse(entry, hereOf(entry));
  const warned = new Map<string, CoturnEntry[]>();
  for (const entry of of('warned')) {
    warned.set(hereOf(entry), [...(warned.get(hereOf(entry)) ?? []), entry]);
  }
  for (const [here, entries] of warned) {
    reading.say('warn', `${placesOf(reading, entries)}: ${here}`, { keys: keysOf(entries) });
  }
  const none = of('no-effect');
  if (none.length > 0) {
    const text = `${placesOf(reading, none)}: no effect here`;
    reading.say('info', `${text}; docs/from-coturn.md says why`, { keys: keysOf(none) });
  }
  if (!reading.has('no-tcp')) {
    reading.say('warn', 'coturn serves TCP too; this server serves UDP alone');
  }
  for (const difference of DIFFERENCES) reading.say('info', difference);
}

/** Returns what is so here, without the marks of the documentation. */
function hereOf({ key }: CoturnEntry): string {
  return (COTURN_KEYS[key]?.here ?? '').replaceAll('`', '');
}

function keysOf(entries: readonly CoturnEntry[]): string[] {
  return [...new Set(entries.map(({ key }) => key))];
}

/** Returns `turnserver.conf: cert (line 12), pkey (line 13)`. */
function placesOf({ file }: CoturnReading, entries: readonly CoturnEntry[]): string {
  return `${file}: ${entries.map(({ key, line }) => `${key} (line ${line})`).join(', ')}`;
}
