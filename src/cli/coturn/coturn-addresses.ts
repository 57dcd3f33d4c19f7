import {
  type AddressFamily,
  canonicalIp,
  decodeAddress,
  familyOf,
  formatAddress,
  isLoopback,
  isWildcard,
  type TransportAddress,
} from '../../address.js';
import { RELAY_PORTS_DEFAULT, TURN_PORT } from '../../turn-server/option-specs.js';
import { parsePortRange } from '../../turn-server/port-range.js';
import type { CoturnEntry } from './coturn-file.js';
import type { CoturnReading } from './coturn-reading.js';

const NONE_BEHIND = 'it has no effect: no relay address is behind it; is `relay-ip` missing?';

/** What this host is like. */
export interface HostFacts {
  readonly hasIpv6: boolean;
  /** Its addresses by the default routes. */
  readonly byDefaultRoute: { readonly [family in AddressFamily]?: string | undefined };
}

/** An IP address and the setting that has it. */
interface Given {
  readonly ip: string;
  readonly entry: CoturnEntry;
}

/**
 * Takes `listening-ip`, `listening-port` and `aux-server` as `--listen`; and `rfc5780` with
 * `alt-listening-port` as further addresses of it and `--nat-discovery`.
 */
export function takeListen(reading: CoturnReading, { hasIpv6 }: HostFacts): void {
  const port = reading.integer('listening-port') ?? TURN_PORT;
  const given = ips(reading, 'listening-ip');
  const further = reading.all('aux-server');
  const alternate = alternateListen(reading, given, port);
  const from = [...given.map(({ entry }) => entry), ...further];
  const portEntry = reading.all('listening-port').at(-1);
  if (from.length === 0 && portEntry === undefined) return;
  const everywhere = hasIpv6 ? ['0.0.0.0', '::'] : ['0.0.0.0'];
  const all = given.length > 0 ? given.map(({ ip }) => ip) : everywhere;
  const addresses = all.map((address) => formatAddress({ address, port }));
  addresses.push(...alternate.map(formatAddress));
  for (const entry of further) {
    const decoded = decodeAddress(entry.value);
    if (decoded.ok) addresses.push(formatAddress(decoded.address));
    else reading.refuse(entry, decoded.reason);
  }
  reading.give('listen', [...new Set(addresses)], [...from, portEntry]);
}

/**
 * Takes `rfc5780` as `--nat-discovery`, where two addresses of a family are listened on, as in
 * coturn.
 * @returns the addresses to listen on for it besides those with `port`
 */
function alternateListen(
  reading: CoturnReading,
  given: readonly Given[],
  port: number,
): TransportAddress[] {
  const alternatePort = reading.integer('alt-listening-port') || port + 1;
  const entry = reading.last('rfc5780');
  if (entry === undefined || !reading.isTrue(entry)) return [];
  const ips = [...new Set(given.map(({ ip }) => ip))];
  const familiesOf = ips.map(familyOfIp);
  const paired = ips.filter(
    (ip) => familiesOf.filter((each) => each === familyOfIp(ip)).length > 1,
  );
  if (paired.length === 0) {
    reading.warn(entry, 'not served, since it needs two listening-ip of one family');
    return [];
  }
  if (reading.isGiven('listen')) {
    reading.warn(entry, 'not taken, since --listen is given elsewhere: give --nat-discovery too');
    return [];
  }
  reading.give('natDiscovery', true, [entry]);
  return paired.map((address) => ({ address, port: alternatePort }));
}

/** Takes `min-port` and `max-port` as `--relay-ports`. */
export function takePorts(reading: CoturnReading): void {
  const [least, most] = RELAY_PORTS_DEFAULT.split('-');
  const min = reading.integer('min-port');
  const max = reading.integer('max-port');
  const [entry] = [...reading.all('min-port'), ...reading.all('max-port')];
  if (entry === undefined || (min ?? max) === undefined) return;
  const range = `${min ?? least}-${max ?? most}`;
  reading.checked(entry, () => parsePortRange(range));
  reading.give('relayPorts', range, [entry]);
}

/**
 * Takes `relay-ip` and `external-ip` as `--relay-address`. As in coturn, the addresses that it
 * listens on are relay addresses where no other is given, and a single external address stands for
 * all of its family.
 */
export function takeRelayAddresses(reading: CoturnReading, facts: HostFacts): void {
  const externals = reading.all('external-ip').flatMap((entry) => externalOf(reading, entry));
  const own = relayIps(reading, externals, facts);
  const pairs = new Map(externals.flatMap(({ ip, inner }) => (inner ? [[inner, ip]] : [])));
  const single = new Map<AddressFamily, string>();
  for (const { ip, inner, entry } of externals) {
    const isBehind = (bound: string) =>
      inner === undefined ? familyOfIp(bound) === familyOfIp(ip) : bound === inner;
    if (!own.some(({ ip: bound }) => isBehind(bound))) reading.warn(entry, NONE_BEHIND);
    if (inner !== undefined) continue;
    if (single.has(familyOfIp(ip))) reading.refuse(entry, 'another one is given for all addresses');
    single.set(familyOfIp(ip), ip);
  }
  const addresses = own.map(({ ip }) => {
    const outside = pairs.get(ip) ?? single.get(familyOfIp(ip)) ?? ip;
    return outside === ip ? ip : `${ip}/${outside}`;
  });
  const from = [...own.map(({ entry }) => entry), ...externals.map(({ entry }) => entry)];
  reading.give('relayAddress', [...new Set(addresses)], from);
}

/**
 * Refuses a device where no address stands for it: sockets would be bound to other addresses than
 * those of the device.
 */
export function checkDevices(reading: CoturnReading): void {
  const hasListening = ips(reading, 'listening-ip').length > 0;
  for (const entry of reading.all('listening-device')) {
    if (!hasListening) reading.refuse(entry, 'sockets are bound to addresses: give listening-ip');
  }
  const hasRelay = ips(reading, 'relay-ip').length > 0 || ownListening(reading).length > 0;
  for (const entry of reading.all('relay-device')) {
    if (!hasRelay) reading.refuse(entry, 'sockets are bound to addresses: give relay-ip');
  }
}

interface External extends Given {
  /** The address of this host behind it; undefined for all of its family. */
  readonly inner: string | undefined;
}

function externalOf(reading: CoturnReading, entry: CoturnEntry): External[] {
  const [outer = '', inner, ...more] = entry.value.split('/');
  if (more.length > 0) {
    reading.refuse(entry, 'expected IP or PUBLIC-IP/PRIVATE-IP');
    return [];
  }
  const ip = reading.checked(entry, () => canonicalIp(outer));
  const behind = inner === undefined ? undefined : reading.checked(entry, () => canonicalIp(inner));
  const isWhole = ip !== undefined && (inner === undefined || behind !== undefined);
  return isWhole ? [{ ip, inner: behind, entry }] : [];
}

interface Relaying {
  readonly ip: string;
  /** The setting that has it; undefined for one that this host has found. */
  readonly entry?: CoturnEntry;
}

/**
 * Returns the addresses to relay from; none if this host is to choose them alone. A wildcard of
 * `relay-ip` is any address of its family: the one to use is found as without `relay-ip`.
 */
function relayIps(
  reading: CoturnReading,
  externals: readonly External[],
  facts: HostFacts,
): Relaying[] {
  const given = ips(reading, 'relay-ip');
  const found = (families: readonly AddressFamily[]) =>
    foundIps(families, { listening: ownListening(reading), externals, facts });
  if (given.length > 0) {
    return given.flatMap(({ ip, entry }) => {
      if (!isWildcardIp(ip)) return [{ ip, entry }];
      const those = found([familyOfIp(ip)]).map((each) => ({ ip: each.ip, entry }));
      if (those.length === 0) reading.refuse(entry, 'this host has no address by a default route');
      return those;
    });
  }
  const listening = ownListening(reading);
  if (listening.length > 0) return listening;
  return externals.length === 0 ? [] : found([4, 6]);
}

/** Returns the addresses of each family: those listened on, else those behind, else by a route. */
function foundIps(
  families: readonly AddressFamily[],
  {
    listening,
    externals,
    facts,
  }: {
    readonly listening: readonly Given[];
    readonly externals: readonly External[];
    readonly facts: HostFacts;
  },
): Relaying[] {
  const inner = externals.flatMap(({ inner: ip, entry }) => (ip ? [{ ip, entry }] : []));
  return families.flatMap((family) => {
    const of = (all: readonly Given[]) => all.filter(({ ip }) => familyOfIp(ip) === family);
    const route = facts.byDefaultRoute[family];
    const sources: readonly Relaying[][] = [of(listening), of(inner), route ? [{ ip: route }] : []];
    return sources.find((each) => each.length > 0) ?? [];
  });
}

/** Returns the addresses that it listens on and relays from if no other is given. */
function ownListening(reading: CoturnReading): Given[] {
  return ips(reading, 'listening-ip').filter(({ ip }) => isOwnIp(ip));
}

function isOwnIp(address: string): boolean {
  return !isWildcardIp(address) && !isLoopback({ address, port: 0 });
}

function isWildcardIp(address: string): boolean {
  return isWildcard({ address, port: 0 });
}

function ips(reading: CoturnReading, key: string): Given[] {
  return reading.all(key).flatMap((entry) => {
    const ip = reading.checked(entry, () => canonicalIp(entry.value));
    return ip === undefined ? [] : [{ ip, entry }];
  });
}

function familyOfIp(ip: string): AddressFamily {
  return familyOf({ address: ip, port: 0 });
}
