import ipaddr from 'ipaddr.js';

/** Relay addresses of the namespace. */
export const RELAYS = ['198.41.0.4', '2001:503:ba3e::2:30'];
/** Peers that are allowed. */
export const OPEN_PEERS = ['198.41.0.10', '198.41.0.11'] as const;

/** What `programs/filter.ts` prints. */
export interface FilterResult {
  /** Requests that were not refused with 403 as they should be. */
  readonly answers: { range: string; spelling: string; ip: string; codes: unknown[] }[];
  /** What arrived while all were refused. */
  readonly reached: string[];
  /** Peers that datagrams reached while all were allowed. */
  readonly reachable: string[];
}

/** An address that no server may relay to unless it is told so. */
export interface Spelling {
  readonly range: string;
  readonly spelling: string;
  readonly ip: string;
  /** The address, and those that it embeds. */
  readonly ips: readonly string[];
}

/** An address of each IPv4 range that is refused by default. */
const IPV4: Readonly<Record<string, string>> = {
  unspecified: '0.0.0.0',
  'this network': '0.1.2.3',
  loopback: '127.0.0.2',
  'end of loopback': '127.255.255.254',
  'private A': '10.1.2.3',
  'private B': '172.16.0.9',
  'private C': '192.168.1.1',
  shared: '100.64.0.1',
  'link-local': '169.254.1.1',
  'metadata of most clouds': '169.254.169.254',
  'metadata of Alibaba': '100.100.100.200',
  'metadata of Azure': '168.63.129.16',
  'protocol assignments': '192.0.0.9',
  documentation: '192.0.2.1',
  'documentation 2': '198.51.100.1',
  'documentation 3': '203.0.113.1',
  'relays of 6to4': '192.88.99.1',
  benchmarking: '198.18.0.1',
  multicast: '224.0.0.1',
  'multicast of SSDP': '239.255.255.250',
  reserved: '240.0.0.1',
  broadcast: '255.255.255.255',
};

/** An address of each IPv6 range that is refused by default. */
const IPV6: Readonly<Record<string, string>> = {
  unspecified: '::',
  loopback: '::1',
  'link-local': 'fe80::1',
  'site-local': 'fec0::1',
  multicast: 'ff02::1',
  'unique local': 'fc00::1',
  'metadata of AWS': 'fd00:ec2::254',
  discard: '100::1',
  documentation: '2001:db8::1',
  'documentation 2': '3fff::1',
  benchmarking: '2001:2::1',
  ORCHID: '2001:20::1',
  'segment routing': '5f00::1',
};

const hex = (bytes: readonly number[]) =>
  bytes.map((byte) => byte.toString(16).padStart(2, '0')).join('');
const inverted = (bytes: readonly number[]) => bytes.map((byte) => byte ^ 0xff);
/** Makes an address of 32 hexadecimal digits; zeros are added at the end. */
const ipv6 = (digits: string) => digits.padEnd(32, '0').replace(/(....)(?=.)/g, '$1:');
const last = (prefix: string, bytes: readonly number[]) =>
  ipv6(prefix.padEnd(24, '0') + hex(bytes));

/** A global address, for Teredo's other address. */
const GLOBAL = [8, 8, 8, 8];
const GLOBAL_IP = '8.8.8.8';

/** The ways to spell an IPv4 address. Some translator or tunnel delivers each of them there. */
const SPELLINGS: Readonly<Record<string, (bytes: number[]) => string>> = {
  IPv4: (bytes) => bytes.join('.'),
  'IPv4-mapped': (bytes) => last('00000000000000000000ffff', bytes),
  'IPv4-compatible': (bytes) => last('', bytes),
  'IPv4-translated': (bytes) => last('0000000000000000ffff0000', bytes),
  NAT64: (bytes) => last('0064ff9b', bytes),
  'local-use NAT64, /48': ([a = 0, b = 0, c = 0, d = 0]) =>
    ipv6(`0064ff9b0001${hex([a, b])}00${hex([c, d])}`),
  'local-use NAT64, /56': ([a = 0, ...rest]) => ipv6(`0064ff9b000100${hex([a])}00${hex(rest)}`),
  'local-use NAT64, /64': (bytes) => ipv6(`0064ff9b0001000000${hex(bytes)}`),
  'local-use NAT64, /96': (bytes) => last('0064ff9b0001', bytes),
  '6to4': (bytes) => ipv6(`2002${hex(bytes)}00000000000000000001`),
  "Teredo's client": (bytes) => ipv6(`20010000${hex(GLOBAL)}00000000${hex(inverted(bytes))}`),
  "Teredo's server": (bytes) => ipv6(`20010000${hex(bytes)}00000000${hex(inverted(GLOBAL))}`),
  'ISATAP, private': (bytes) => last('2001050300000000' + '00005efe', bytes),
  'ISATAP, global': (bytes) => last('2001050300000000' + '02005efe', bytes),
};

/**
 * Returns every refused range in every spelling.
 * @returns addresses as text; `ips` also has the readings of NAT64's local-use prefix
 */
export function spellings(): Spelling[] {
  const of6 = Object.entries(IPV6).map(([range, ip]) => ({
    range,
    spelling: 'IPv6',
    ip,
    ips: [ip],
  }));
  const of4 = Object.entries(IPV4).flatMap(([range, ipv4]) =>
    Object.entries(SPELLINGS).map(([spelling, spell]) => {
      const ip = spell(ipaddr.parse(ipv4).toByteArray());
      return { range, spelling, ip, ips: [ip, ipv4, GLOBAL_IP, ...readings(ip)] };
    }),
  );
  return [...of4, ...of6];
}

/** Returns what a local-use NAT64 address can mean, by the length of the prefix (RFC 6052). */
function readings(ip: string): string[] {
  if (!ip.startsWith('0064:ff9b:0001')) return [];
  const bytes = ipaddr.parse(ip).toByteArray();
  const positions = [
    [6, 7, 9, 10],
    [7, 9, 10, 11],
    [9, 10, 11, 12],
    [12, 13, 14, 15],
  ];
  return positions.map((each) => each.map((index) => bytes[index]).join('.'));
}
