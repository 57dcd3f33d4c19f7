/**
 * Addresses that are no global unicast, from IANA's registries of special-purpose addresses (RFC
 * 6890) and of multicast, with the services that clouds put at fixed addresses. Each list is of
 * prefixes; the longest one that contains an address decides (`PeerPolicy`).
 */

/** What peers may have unless a longer prefix below refuses it. */
export const ORDINARY: readonly string[] = [
  '0.0.0.0/0',
  // Global unicast (RFC 4291 section 2.4); all other IPv6 is refused.
  '2000::/3',
  // NAT64 (RFC 6052); the IPv4 address in it is judged too.
  '64:ff9b::/96',
  // Teredo (RFC 4380), within a refused range; its IPv4 addresses are judged too.
  '2001::/32',
];

/** Addresses of private networks, which may be allowed together. */
export const PRIVATE: readonly string[] = [
  // RFC 1918
  '10.0.0.0/8',
  '172.16.0.0/12',
  '192.168.0.0/16',
  // Shared by customers of one provider (RFC 6598)
  '100.64.0.0/10',
  // Unique local (RFC 4193)
  'fc00::/7',
];

/** What is refused until a list allows just that. */
export const ALWAYS_REFUSED: readonly string[] = [
  // This network, and the unspecified address, which some systems take for loopback (RFC 1122).
  // CVE-2020-26262
  '0.0.0.0/8',
  '127.0.0.0/8',
  '169.254.0.0/16',
  // IETF protocol assignments (RFC 6890 section 2.1)
  '192.0.0.0/24',
  // Documentation (RFC 5737, RFC 3849, RFC 9637)
  '192.0.2.0/24',
  '198.51.100.0/24',
  '203.0.113.0/24',
  '2001:db8::/32',
  '3fff::/20',
  // AS112 (RFC 7534, RFC 7535), AMT (RFC 7450), relays of 6to4 (RFC 7526)
  '192.31.196.0/24',
  '192.175.48.0/24',
  '192.52.193.0/24',
  '192.88.99.0/24',
  '2620:4f:8000::/48',
  // Benchmarking (RFC 2544)
  '198.18.0.0/15',
  // Multicast, reserved and broadcast (RFC 5771, RFC 1112 section 4, RFC 919)
  '224.0.0.0/4',
  '240.0.0.0/4',
  // All IPv6 but global unicast: unspecified, loopback, IPv4-compatible, local-use NAT64, discard,
  // segment routing, link-local, site-local, multicast
  '::/0',
  // IETF protocol assignments (RFC 2928): benchmarking, AMT, AS112, ORCHID
  '2001::/23',
  // Services of clouds at fixed addresses: of AWS and most others, AWS's for IPv6 and ECS, Alibaba,
  // Oracle, Azure, Google and Scaleway
  '169.254.169.254/32',
  '169.254.170.2/32',
  'fd00:ec2::254/128',
  '100.100.100.200/32',
  '192.0.0.192/32',
  '168.63.129.16/32',
  'fd20:ce::254/128',
  'fd00:42::42/128',
];
