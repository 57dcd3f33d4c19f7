import {
  type AddressFamily,
  canonicalIp,
  decodeAddress,
  formatAddress,
  isGlobal,
  isLoopback,
  isWildcard,
  type TransportAddress,
} from '../../address.js';
import { RELAY_PORTS_DEFAULT, TURN_PORT } from '../../turn-server/option-specs.js';
import { parsePortRange } from '../../turn-server/port-range.js';
import { type External, externalsOf, familyOfIp } from './coturn-external.js';
import type { CoturnEntry } from './coturn-file.js';
import type { CoturnReading } from './coturn-reading.js';

const PORT_MAX = 65_535;

const NONE_BEHIND = 'it has no effect: no relay address is behind it; is `relay-ip` missing?';

/** What this host is like. */
export interface HostFacts {
  readonly hasIpv6: boolean;
  /** Its addresses by the default routes. */
  readonly byDefaultRoute: { readonly [family in AddressFamily]?: string | undefined };
  /** All of its addresses; undefined where they are not known. */
  readonly ips?: ReadonlySet<string>;
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
export function takeListen(reading: CoturnReading, { hasIpv6, ips: own }: HostFacts): void {
  const port = reading.port('listening-port') ?? TURN_PORT;
  const given = ips(reading, 'listening-ip');
  const further = auxiliary(reading);
  const alternate = alternateListen(reading, given, port);
  const from = [...given, ...further].map(({ entry }) => entry);
  const portEntry = reading.all('listening-port').at(-1);
  if (from.length === 0 && portEntry === undefined) return;
  const everywhere = hasIpv6 ? ['0.0.0.0', '::'] : ['0.0.0.0'];
  const all = given.length > 0 ? given.map(({ ip }) => ip) : everywhere;
  const addresses = all.map((address) => formatAddress({ address, port }));
  addresses.push(...alternate.map(formatAddress));
  addresses.push(
    ...further.map(({ ip: address, port: at }) => formatAddress({ address, port: at })),
  );
  sayForeign(reading, [...given, ...further], own);
  reading.give('listen', [...new Set(addresses)], [...from, portEntry]);
}

/** Returns the addresses of `aux-server`. */
function auxiliary(reading: CoturnReading): (Given & { readonly port: number })[] {
  return reading.all('aux-server').flatMap((entry) => {
    const decoded = decodeAddress(entry.value);
    if (decoded.ok && decoded.address.port > 0) {
      const { address: ip, port } = decoded.address;
      return [{ ip, port, entry }];
    }
    reading.refuse(entry, decoded.ok ? 'expected a port from 1 to 65535' : decoded.reason);
    return [];
  });
}

/**
 * Takes `rfc5780` as `--nat-discovery`, where two addresses of a family are listened on, as in
 * coturn, and Binding is answered without credentials.
 * @returns the addresses to listen on for it besides those with `port`
 */
function alternateListen(
  reading: CoturnReading,
  given: readonly Given[],
  port: number,
): TransportAddress[] {
  const asked = reading.port('alt-listening-port', { leastPort: 0 }) || undefined;
  const entry = reading.last('rfc5780');
  if (entry === undefined || !reading.isTrue(entry)) {
    const of = reading.all('alt-listening-port').at(-1);
    if (of !== undefined && asked !== undefined) reading.warn(of, 'not used without rfc5780');
    return [];
  }
  if (reading.has('no-stun') || reading.has('secure-stun')) {
    const why = 'not served, since it answers Binding requests without credentials, which no-stun ';
    reading.warn(entry, `${why}and secure-stun forbid`);
    return [];
  }
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
  // As in coturn the next port; behind the last one there is none.
  const alternatePort = asked ?? (port < PORT_MAX ? port + 1 : port - 1);
  return paired.map((address) => ({ address, port: alternatePort }));
}

/** Takes `min-port` and `max-port` as `--relay-ports`. */
export function takePorts(reading: CoturnReading): void {
  const [least, most] = RELAY_PORTS_DEFAULT.split('-');
  const min = reading.integer('min-port');
  const max = reading.integer('max-port');
  const entry = reading.last('min-port') ?? reading.last('max-port');
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
  const externals = externalsOf(reading);
  const own = relayIps(reading, externals, facts);
  sayForeign(reading, [...ips(reading, 'relay-ip'), ...innersOf(externals)], facts.ips);
  for (const { ip, inner, entry } of externals) {
    const isBehind = (bound: string) =>
      inner === undefined ? familyOfIp(bound) === familyOfIp(ip) : bound === inner;
    if (!own.some(({ ip: bound }) => isBehind(bound))) reading.warn(entry, NONE_BEHIND);
  }
  const addresses = own.map(({ ip, entry }) => {
    const outside = seenAs(ip, externals);
    if (outside === undefined && entry !== undefined && externals.length > 0 && !isGlobal(ip)) {
      reading.warn(entry, `no external-ip is for ${ip}, so peers are told that address itself`);
    }
    return outside === undefined || outside === ip ? ip : `${ip}/${outside}`;
  });
  const from = [...own.map(({ entry }) => entry), ...externals.map(({ entry }) => entry)];
  reading.give('relayAddress', [...new Set(addresses)], from);
}

/** Returns the external address of an address of this host; undefined without one. */
function seenAs(own: string, externals: readonly External[]): string | undefined {
  const forIt = externals.find(({ inner }) => inner === own);
  const forAll = ({ ip, inner }: External) =>
    inner === undefined && familyOfIp(ip) === familyOfIp(own);
  return (forIt ?? externals.find(forAll))?.ip;
}

function innersOf(externals: readonly External[]): Given[] {
  return externals.flatMap(({ inner: ip, entry }) => (ip ? [{ ip, entry }] : []));
}

/** Warns of addresses that should be this host's and are not: no socket can be bound to them. */
function sayForeign(
  reading: CoturnReading,
  given: readonly Given[],
  own: ReadonlySet<string> | undefined,
): void {
  for (const { ip, entry } of given) {
    if (own === undefined || own.has(ip) || !isOwnIp(ip)) continue;
    const order = entry.key === 'external-ip' ? ' as PUBLIC-IP/PRIVATE-IP' : '';
    reading.warn(entry, `${ip} is none of this host's addresses: give one of them${order}`);
  }
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
  const inner = innersOf(externals);
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
