import { type AddressFamily, familyOf, sameAddress, type TransportAddress } from '../address.js';
import type { User } from '../auth/principal.js';
import type { TurnPrincipal } from '../auth/turn-principal.js';
import { SmallMap } from '../collections/small-map.js';
import type { Timed } from '../collections/timing-wheel.js';
import type { TransportHandle } from '../native/transport-handle.js';
import type { AuthenticatedRequest } from '../stun-server/authenticated-request.js';
import type { Origin } from '../stun-server/origin.js';
import type { AllocationSummary } from './allocation-events.js';
import { type Holder, shareOf } from './holder-counts.js';
import type { RelayedPorts } from './relayed-ports.js';
import type { AllocateSuccess } from './responses.js';
import type { PortRange } from './turn-options.js';

/** An open relayed transport address that belongs to no allocation yet. */
export interface OpenedAddress {
  /** The endpoint of the data plane. */
  readonly handle: TransportHandle;
  /** The ports that its port is taken from. */
  readonly ports: RelayedPorts;
  readonly port: number;
}

/** A relayed transport address (RFC 8656 section 2). */
export class RelayedTransportAddress implements Timed {
  readonly allocation: Allocation;
  readonly handle: TransportHandle;
  readonly ports: RelayedPorts;
  readonly port: number;
  /** Whether the data plane has its entry; so too below. */
  isStored = false;
  /** Monotonic ms. */
  expiresAt = 0;
  wheelBucket?: number | undefined;

  constructor(allocation: Allocation, { handle, ports, port }: OpenedAddress) {
    this.allocation = allocation;
    this.handle = handle;
    this.ports = ports;
    this.port = port;
  }

  get kind(): 'relayed' {
    return 'relayed';
  }

  get family(): AddressFamily {
    return familyOf(this.advertised);
  }

  /** The address that clients and peers see. */
  get advertised(): TransportAddress {
    return { address: this.ports.advertised, port: this.port };
  }

  get share(): string {
    return shareOf(this.allocation);
  }
}

/** Lets every port of a peer's IP address send to the client (RFC 8656 section 9). */
export class Permission implements Timed {
  readonly relayed: RelayedTransportAddress;
  /** Canonical IP address of the peer. */
  readonly address: string;
  /** The port that the client named last with it; 0 if none. A permission is for every port. */
  port = 0;
  /** The only ports of the peer that its entry holds for; undefined for all. */
  ports: PortRange | undefined;
  /** Monotonic ms. */
  expiresAt = 0;
  isStored = false;
  wheelBucket?: number | undefined;

  constructor(relayed: RelayedTransportAddress, address: string) {
    this.relayed = relayed;
    this.address = address;
  }

  get kind(): 'permission' {
    return 'permission';
  }

  get share(): string {
    return this.relayed.share;
  }
}

/** A channel between the client and one peer (RFC 8656 section 12). */
export class Channel implements Timed {
  readonly relayed: RelayedTransportAddress;
  readonly number: number;
  readonly peer: TransportAddress;
  /** `bound`, or `resting` after its expiry. */
  state: 'bound' | 'resting' = 'bound';
  /** Monotonic ms. */
  expiresAt = 0;
  isStored = false;
  wheelBucket?: number | undefined;

  constructor(relayed: RelayedTransportAddress, number: number, peer: TransportAddress) {
    this.relayed = relayed;
    this.number = number;
    this.peer = peer;
  }

  get kind(): 'channel' {
    return 'channel';
  }

  get share(): string {
    return this.relayed.share;
  }
}

/** Sums of an allocation's entries that have been removed from the data plane. */
export interface TrafficSums {
  packetsFromClient: number;
  bytesFromClient: number;
  packetsToClient: number;
  bytesToClient: number;
  packetsOverBandwidth: number;
}

/** Returns sums of nothing. */
export function noTraffic(): TrafficSums {
  return {
    packetsFromClient: 0,
    bytesFromClient: 0,
    packetsToClient: 0,
    bytesToClient: 0,
    packetsOverBandwidth: 0,
  };
}

/** Whom an allocation is for, and how that was proved. */
export interface AllocationHolder extends Holder {
  /** The whole USERNAME: every later request must have it (RFC 8656 section 5). */
  readonly username: string;
  /** The key that proved its Allocate, or the newest access token's. */
  readonly key: Uint8Array;
  /**
   * The user, if it was looked up outside of this process or has an access token: it proves later
   * requests.
   */
  readonly kept: User<TurnPrincipal> | undefined;
}

/** A client's 5-tuple, and the worker that receives it. */
export interface Place {
  readonly origin: Origin;
  readonly tupleKey: string;
}

/** What an allocation has whose client may move to another 5-tuple (RFC 8016). */
export class Mobility {
  /** Tells it apart from all other allocations that are there: an unsigned 32-bit number. */
  readonly serial: number;
  /** Of its newest ticket: an unsigned 32-bit number. */
  generation: number;
  /** The 5-tuple that the client has moved to, until data comes from there. */
  next: Place | undefined;
  /** The 5-tuple that it had, while entries of it are left in the data plane. */
  left: Place | undefined;
  /** The worker that receives its 5-tuple, where that is not the one that has its entries. */
  receivedBy: number | undefined;
  /** Monotonic ms of the last move. */
  movedAt = Number.NEGATIVE_INFINITY;

  constructor(serial: number, generation: number) {
    this.serial = serial;
    this.generation = generation;
  }
}

/** An allocation (RFC 8656 section 5): what one 5-tuple has at this server. */
export class Allocation implements AllocationHolder {
  /** The client's 5-tuple, with the worker that has its entries. */
  origin: Origin;
  tupleKey: string;
  readonly username: string;
  readonly user: string;
  readonly tenant: string | undefined;
  key: Uint8Array;
  kept: User<TurnPrincipal> | undefined;
  /** Undefined if its client has not asked for it. */
  readonly mobility: Mobility | undefined;
  /** Monotonic ms of its creation. */
  readonly since: number;
  readonly tellsIcmpErrors: boolean;
  /** The data plane's bucket of its user's bandwidth. */
  readonly bucket: number;
  /** The transaction ID of the Allocate request that made it, by `latin1`. */
  readonly transactionId: string;
  /** What the response to that request has besides; undefined if nothing. */
  further: Pick<AllocateSuccess, 'token' | 'failed'> | undefined;
  /** One, or one of each family (RFC 8656 section 7.2). */
  readonly relayed: RelayedTransportAddress[];
  /** By IP address of the peer. */
  readonly permissions = new SmallMap<string, Permission>();
  /** By number. */
  readonly channels = new SmallMap<number, Channel>();
  /** Number of its entries in the data plane; `EntryRoom` counts them. */
  entries = 0;
  /** Undefined until an entry is removed. */
  sums: TrafficSums | undefined;

  constructor(options: {
    readonly origin: Origin;
    readonly tupleKey: string;
    readonly holder: AllocationHolder;
    readonly since: number;
    readonly tellsIcmpErrors: boolean;
    readonly bucket: number;
    readonly transactionId: string;
    readonly mobility: Mobility | undefined;
    readonly opened: readonly OpenedAddress[];
  }) {
    this.origin = options.origin;
    this.tupleKey = options.tupleKey;
    this.username = options.holder.username;
    this.user = options.holder.user;
    this.tenant = options.holder.tenant;
    this.key = options.holder.key;
    this.kept = options.holder.kept;
    this.since = options.since;
    this.tellsIcmpErrors = options.tellsIcmpErrors;
    this.bucket = options.bucket;
    this.transactionId = options.transactionId;
    this.mobility = options.mobility;
    // An array that is filled later would have room for 17.
    this.relayed = options.opened.map((each) => new RelayedTransportAddress(this, each));
  }

  /** Returns its relayed transport address of a family; undefined if it has none. */
  ofFamily(family: AddressFamily): RelayedTransportAddress | undefined {
    return this.relayed.find((each) => each.family === family);
  }

  /**
   * Returns the channel of a peer; undefined if it has none. It looks through the channels, since a
   * second index would cost every allocation more memory than a look costs time.
   */
  channelOf(peer: TransportAddress): Channel | undefined {
    for (const channel of this.channels.values()) {
      if (sameAddress(channel.peer, peer)) return channel;
    }
    return undefined;
  }

  /**
   * Returns whether later requests of a principal may be about it: those with its USERNAME (RFC
   * 8656 section 5). That of an access token is a key, and another one of the same authorization
   * server may follow it.
   */
  isOf({ username, user, token }: TurnPrincipal): boolean {
    const own = this.kept?.principal.token;
    if (token === undefined || own === undefined) {
      return token === own && username === this.username;
    }
    return user === this.user;
  }

  /**
   * Takes the access token of a later request in place of its own: a client sends a new one once,
   * and proves what follows by the key in it. Does nothing for another credential.
   */
  renew({ principal, signer, kept }: AuthenticatedRequest<TurnPrincipal>): void {
    if (principal.token === undefined) return;
    this.key = signer.key;
    this.kept = kept;
  }

  /** Returns what logs and events say of it. */
  summary(): AllocationSummary {
    return {
      username: this.username,
      user: this.user,
      client: this.origin.tuple.remote,
      relayed: this.relayed.map(({ advertised }) => advertised),
    };
  }
}
