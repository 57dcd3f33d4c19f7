import type { AddressInput } from '../address.js';
import type { Authenticate } from '../auth/authenticate-hook.js';
import type { DataPlaneOptions } from '../native/types.js';
import type { HostOptions } from '../options/host.js';
import type { Checked, OneOrMore } from '../options/option-spec.js';
import type { Update } from '../options/update.js';
import type { BindingAnswers } from '../stun-server/binding-usage.js';
import type { AllocationEvent } from '../turn/allocation-events.js';
import type { DefaultFamily } from '../turn/turn-options.js';
import type { TURN_SETTINGS, TURN_SPECS } from './option-specs.js';

/** Settings of TURN, which a TURN server and a relay take. */
export interface TurnSettings {
  /**
   * IPs of this host that relayed transport addresses are bound to, as `IP` or, behind a one-to-one
   * NAT, `IP/ADVERTISED`; `auto` in place of either is found out. Default: the host's address by
   * the default route of each family.
   */
  readonly relayAddresses?: OneOrMore<string> | undefined;
  /** STUN server, `HOST[:PORT]`, that the relay address `auto` asks; only for that. */
  readonly stunServer?: string | undefined;
  /** Ports of relayed transport addresses, `MIN-MAX`. Default `49152-65535`. */
  readonly relayPorts?: string | undefined;
  /**
   * The family of the relayed address that a client gets whose request names none: `ipv4`, `ipv6`,
   * or `client`, that of the client's address where there is a relay address of it. Default `ipv4`.
   */
  readonly defaultFamily?: DefaultFamily | undefined;
  /** Realm of the credentials, 1 to 127 characters. Default `turnpike`. */
  readonly realm?: string | undefined;
  /** Users as `NAME:PASSWORD`, or `NAME:0xKEY` with coturn's MD5 key in hexadecimal. */
  readonly users?: OneOrMore<string> | undefined;
  /** Shared secrets of time-limited credentials, as coturn's `static-auth-secret`. */
  readonly authSecrets?: OneOrMore<string> | undefined;
  /**
   * Keys of access tokens (RFC 7635), each as `kid=NAME, ikm_key=BASE64, timestamp=SECONDS,
   * lifetime=SECONDS, as_rs_alg=A256GCM|A128GCM, realm=NAME`; docs/turn.md.
   */
  readonly oauthKeys?: OneOrMore<string> | undefined;
  /** The server's name, which access tokens are made for. Default: the realm. */
  readonly oauthServerName?: string | undefined;
  /** Peers that are allowed although they would be refused: addresses and prefixes. */
  readonly allowPeers?: OneOrMore<string> | undefined;
  /** Peers that are refused although they would be allowed: addresses and prefixes. */
  readonly denyPeers?: OneOrMore<string> | undefined;
  /** Whether peers in private networks are allowed. Default false. */
  readonly allowPrivatePeers?: boolean | undefined;
  /** Maximum allocations of one user. Default 0: no quota. */
  readonly userQuota?: number | undefined;
  /**
   * Maximum lifetime of an allocation from its last Refresh, 600 to 86,400 s. Default 3,600, as RFC
   * 8656 section 7.2 recommends.
   */
  readonly lifetimeSecondsMax?: number | undefined;
  /**
   * Bytes per second of one user: payloads of all its allocations in both directions. What exceeds
   * them is dropped. Default 0: no bound.
   */
  readonly userBandwidth?: number | undefined;
  /** Maximum allocations. Default: as many as ports and file descriptors allow. */
  readonly allocationsMax?: number | undefined;
  /**
   * Whether clients that ask for it keep their allocation when their address changes (RFC 8016).
   * Default false.
   */
  readonly mobility?: boolean | undefined;
  /**
   * Whether SOFTWARE is in the signed responses to Allocate and Refresh (RFC 8656 section 5).
   * Default false.
   */
  readonly softwareAttribute?: boolean | undefined;
  /**
   * `auto`, the default: each thread receives for all relayed ports by one socket where the kernel
   * and the rights allow it (docs/turn.md). `off`: each port receives by its own socket.
   */
  readonly steering?: 'auto' | 'off' | undefined;
  /**
   * Servers that new clients of the same address family are sent to (300) while this one drains or
   * is full, up to 16. Default none.
   */
  readonly alternateServers?: OneOrMore<AddressInput> | undefined;
  /**
   * Looks up a user that is neither in `users` nor has the form of `authSecrets`. Called for
   * requests with a fresh nonce of their source only, and not again for the requests about an
   * allocation that it has admitted. docs/turn.md has its bounds, and what happens if it fails.
   */
  readonly authenticate?: Authenticate | undefined;
  /** Time after which a call of `authenticate` is given up, 100 to 40,000 ms. Default 5,000. */
  readonly authenticateTimeoutMs?: number | undefined;
  /**
   * Called when an allocation is made, refreshed or ended, in that turn of the event loop. An error
   * that it throws is logged and counted as a fault.
   */
  readonly onEvent?: ((event: AllocationEvent) => void) | undefined;
}

/** Validated settings of TURN. */
export type CheckedTurnSettings = Checked<TurnSettings, typeof TURN_SPECS>;

/** Options of `TurnServer.open`. One source of credentials is required. */
export interface TurnServerOptions extends TurnSettings, HostOptions {
  /**
   * UDP addresses for clients, up to 16; port 0 takes a free one. Default: port 3478 of 0.0.0.0
   * and, if the host has IPv6, of [::].
   */
  readonly listen?: OneOrMore<AddressInput> | undefined;
  /**
   * Who gets an answer to a Binding request: everybody (`open`, the default), users
   * (`authenticated`; others are challenged), or nobody (`off`). Binding indications, which keep
   * NAT mappings, and what allocations carry are not affected.
   */
  readonly binding?: BindingAnswers | undefined;
  /**
   * Whether NAT behaviour discovery (RFC 5780) is served. `listen` then has two IP addresses of a
   * family, each with the same two ports. Default false.
   */
  readonly natDiscovery?: boolean | undefined;
  /** Key of nonces, 32 bytes. Servers with the same one accept each other's. Default: random. */
  readonly nonceSecret?: Uint8Array | undefined;
  /** Number of forwarding threads, 1 to 16. Default: one per CPU, up to 4. */
  readonly workers?: number | undefined;
  /** Maximum batching delay of a loaded thread, 0 to 1,000 µs. Default 50. */
  readonly coalescingUs?: number | undefined;
  /** Time that a thread polls its sockets before it sleeps, in µs. Default 0. */
  readonly busyPollUs?: number | undefined;
  /** CPUs to pin the threads to, one for each. Default: the scheduler's choice. */
  readonly cpus?: DataPlaneOptions['cpus'] | undefined;
  /** Devices in whose drivers channels are forwarded, as of a data plane (docs/xdp.md). */
  readonly xdp?: DataPlaneOptions['xdp'] | undefined;
}

/** Settings of `TurnServer#update`: those that can change while a server runs. */
export type TurnServerUpdate = Update<TurnServerOptions, typeof TURN_SETTINGS>;

/** Validated options of `TurnServer.open`. */
export type CheckedTurnServerOptions = Checked<TurnServerOptions, typeof TURN_SETTINGS>;
