/**
 * Every default and bound of the TypeScript side, in one place. RFC constants stand apart from our
 * own. The native side's are in `native/base/limits.h`; where both need one, a test compares them.
 */

import { CLAIM_LIMITS } from './claim-limits.js';

/** Turnpike's own limits and defaults (PROTOCOL.md). */
export const LIMITS = {
  /** Relays that a registry may hold. */
  relaysMax: 1_024,
  /** Records in one trunk datagram that this relay accepts: as many as a datagram can hold. */
  recordsMax: 8_185,
  /** Default life of a directory answer's credentials, and the longest. */
  ttlSeconds: 600,
  ttlSecondsMax: 86_400,
  /** A relay beats at a random interval between these two. */
  beatMsMax: 2_000,
  /** A relay that has not beaten for this long is forgotten by the directory. */
  relayExpiryMs: 5_000,
  /** Longest wait for every relay to confirm a registry before its new relay is chosen. */
  relayConfirmMs: 3_000,
  /** A version of the registry spreads this long for each relay before the next one is made. */
  registrySpreadMsPerRelay: 1.5,
  ...CLAIM_LIMITS,
  /** Legs that a relay was given are counted as lately given with this time constant. */
  legsHandedOutMs: 60_000,
  /** Changed records of one relay: at once, and then one in so long. */
  recordChangesBurst: 8,
  recordChangeMs: 5_000,
  /** How far ahead of the directory's clock a RELAY-START may lie. */
  startAheadMs: 86_400_000,
  /** Request nonces that a directory remembers of one relay inside the clock skew window. */
  noncesPerRelayMax: 512,
  /** Service or trunk addresses that a registration may list. */
  relayAddressesMax: 16,
  /** Seconds after which a peer is told to ask again when no relay can serve. */
  noRelayRetrySeconds: 2,
  /** HTTP: largest body of a peer's request and of a relay's, and of the headers, in bytes. */
  httpBodyBytesMax: 32_768,
  registrationBodyBytesMax: 196_608,
  httpHeaderBytesMax: 8_192,
  /** HTTP: time for the headers, for the whole request, and idle between two requests. */
  httpHeadersMs: 5_000,
  httpRequestMs: 10_000,
  httpKeepAliveMs: 30_000,
  /** How often it is looked for sockets over their time: Node's 30 s would be no limit at all. */
  httpTimeoutCheckMs: 1_000,
  /** HTTP: time for answers under way when the directory stops. */
  httpFarewellMs: 500,
  /** HTTP: a connection without a request for this long may be closed for another one. */
  httpFirstRequestMs: 1_000,
  /** Connections that one relay keeps; with one more the oldest is closed. */
  connectionsOfRelayMax: 4,
  /** HTTP: requests with an API key served in a round of the event loop; of a tenant that wait. */
  tenantRequestsAtOnce: 8,
  tenantRequestsWaitingMax: 2_048,
  /** HTTP: connections open at once, if there are descriptors; beyond it new ones are dropped. */
  httpConnectionsMax: 8_192,
  /** Relays that check one service address, and addresses that one relay checks. */
  serviceCheckers: 3,
  serviceChecksMax: 32,
  /** A service address is asked this often, and does not answer after so many in vain. */
  serviceCheckMs: 1_000,
  serviceCheckFailures: 3,
  /** Every service address gets one new checker in this time. */
  serviceCheckRotationMs: 60_000,
  /** What is reported counts for this long after the last report, longer each time it returns. */
  reachabilityHoldMs: 5_000,
  reachabilityHoldMsMax: 120_000,
  /** Rendezvous: sockets in all and of one tenant; rooms in all and of one tenant. */
  rendezvousSocketsMax: 4_096,
  rendezvousSocketsPerTenantMax: 2_048,
  roomsMax: 4_096,
  roomsPerTenantMax: 2_048,
  /** Rendezvous: largest message in bytes; messages at once and per second of one socket. */
  rendezvousBytesMax: 4_096,
  rendezvousBurst: 20,
  rendezvousPerSecond: 5,
  /** Rendezvous: bytes waiting for a socket that does not read, beyond which it is dropped. */
  rendezvousBacklogBytesMax: 65_536,
  /** Rendezvous: pings, silence that ends a socket, and the answer a full room's members owe. */
  rendezvousPingMs: 5_000,
  rendezvousSilenceMs: 15_000,
  rendezvousProbeMs: 2_000,
  /** Rendezvous: wait for the first join, and for the other side. */
  rendezvousJoinMs: 10_000,
  roomWaitMs: 600_000,
} as const;
