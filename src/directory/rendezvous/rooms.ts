import type { Clock } from '../../clock.js';
import { KeyCounter } from '../../collections/key-counter.js';
import { WEB_SOCKET_LIMITS } from '../../http/web-socket-limits.js';
import { NO_RELAY_RETRY_SECONDS, type NoRelay } from '../../selection/no-relay-reason.js';
import type { PeerHints } from '../../selection/request.js';
import {
  type BrokerAnswer,
  type ConnectionWish,
  CREDENTIAL_TTL_SECONDS,
} from '../connection-broker.js';
import type {
  AddressMessage,
  JoinMessage,
  OutgoingMessage,
  RendezvousErrorCode,
} from './messages.js';
import { RENDEZVOUS_LIMITS } from './rendezvous-limits.js';
import type { UnmadeConnection } from './unmade-connection-log.js';

/** A peer's socket, as `Rooms` uses it. */
export interface Member {
  readonly tenant: string;
  /** Monotonic time of the last message or frame from it, ms. */
  readonly heardAtMs: number;
  send(message: OutgoingMessage): void;
  /** Sends the error and closes the socket. */
  fail(code: RendezvousErrorCode, details?: { reason?: string; retryAfterSeconds?: number }): void;
  /** The socket's IP address; undefined once it is closed. */
  readonly from?: string | undefined;
  /** The peer's IP address as the directory sees it; undefined if that is not known. */
  readonly source?: string | undefined;
  /** Sends a ping. */
  ping(): void;
  /** Destroys the socket without a close frame: the peer is silent. */
  drop(): void;
}

interface Seat {
  readonly member: Member;
  readonly token: string | undefined;
  hints: PeerHints;
  /** Monotonic time at which it asked for a connection, ms; undefined while it has one. */
  readySinceMs: number | undefined;
  /** Whether its address for the present connection has been forwarded. */
  addressPassed: boolean;
}

interface Room {
  readonly key: string;
  readonly name: string;
  readonly tenant: string;
  /** One or two, in order of arrival. */
  readonly seats: Seat[];
  connectionId: string | undefined;
  /** Monotonic time of the newest connection, ms. */
  connectedAtMs: number;
  /** When to retry after no relay could serve, monotonic ms. */
  retryAtMs: number | undefined;
  /** The reason why no relay could serve, as sent to the members. */
  noRelay: NoRelay | undefined;
  /** When to replace a connection that one member rejects, monotonic ms. */
  renewAtMs: number | undefined;
  /** A third peer, while the two members are probed for life. */
  third:
    | { readonly member: Member; readonly join: JoinMessage; readonly sinceMs: number }
    | undefined;
}

/** Dependencies of `Rooms`. */
export interface RoomsOptions {
  readonly create: (wish: ConnectionWish) => BrokerAnswer;
  /** Called when a member asks for another connection before its present one was in use. */
  readonly onUnmade?: (unmade: UnmadeConnection) => void;
  readonly clock: Clock;
}

/**
 * The rooms where peers without signalling of their own meet (docs/rendezvous.md). A room exists
 * while a member is in it.
 *
 * Bounds: `RENDEZVOUS_LIMITS.roomsMax` rooms, `roomsPerTenantMax` of a tenant; two members and one
 * waiting third peer in each. A further peer is refused.
 */
export class Rooms {
  readonly #options: RoomsOptions;
  readonly #rooms = new Map<string, Room>();
  readonly #roomOf = new Map<Member, Room>();
  readonly #perTenant = new KeyCounter();

  constructor(options: RoomsOptions) {
    this.#options = options;
  }

  get size(): number {
    return this.#rooms.size;
  }

  /** Makes a member ready for its first or for another connection. */
  join(member: Member, join: JoinMessage): void {
    const present = this.#roomOf.get(member);
    if (present === undefined) {
      this.#enter(member, join);
      return;
    }
    if (present.name !== join.room) {
      this.#expel(member, 'bad-message', { reason: 'another room than the first' });
      return;
    }
    const seat = seatOf(present, member);
    // A third peer waits for a seat with its first hints.
    if (seat === undefined) return;
    seat.hints = join.hints;
    if (isUnmade(present)) {
      seat.addressPassed = false;
      const { connectionId = '', tenant } = present;
      const avoid = [...(join.hints.avoid ?? [])];
      this.#options.onUnmade?.({ connectionId, tenant, from: member.from, avoid });
    }
    this.#ready(present, seat);
  }

  /**
   * Forwards a member's NAT address to the other member, if it belongs to the present connection.
   */
  address(member: Member, { connectionId, address }: AddressMessage): void {
    const room = this.#roomOf.get(member);
    if (room === undefined) {
      this.#expel(member, 'bad-message', { reason: 'address before join' });
      return;
    }
    const seat = seatOf(room, member);
    if (seat === undefined) return;
    const other = otherSeat(room, seat);
    if (connectionId !== room.connectionId || other === undefined) return;
    seat.addressPassed = true;
    const { address: ip, port } = address;
    other.member.send({ type: 'address', connectionId, address: ip, port });
    // Both members use this connection: it satisfies the request to replace it.
    if (room.renewAtMs !== undefined && !isUnmade(room)) settle(room);
  }

  /** Removes a member whose socket is closed. */
  leave(member: Member): void {
    const room = this.#roomOf.get(member);
    if (room === undefined) return;
    this.#roomOf.delete(member);
    if (room.third?.member === member) {
      room.third = undefined;
      return;
    }
    const index = room.seats.findIndex((each) => each.member === member);
    const connecting = isUnmade(room);
    room.seats.splice(index, 1);
    room.connectionId = undefined;
    room.retryAtMs = undefined;
    room.noRelay = undefined;
    room.renewAtMs = undefined;
    const [other] = room.seats;
    if (other !== undefined) {
      other.member.send({ type: 'peer-left' });
      if (connecting) this.#ready(room, other);
    }
    this.#seatThird(room);
    if (room.seats.length === 0) this.#remove(room);
  }

  /** Handles all timeouts of rooms. To be called a few times a second. */
  sweep(): void {
    const now = this.#options.clock.monotonic();
    for (const room of [...this.#rooms.values()]) {
      this.#judgeThird(room, now);
      for (const { member, readySinceMs } of [...room.seats]) {
        if (readySinceMs === undefined || now - readySinceMs < RENDEZVOUS_LIMITS.roomWaitMs)
          continue;
        this.#expel(member, 'room-expired', { reason: waitedFor(room) });
      }
      if (room.retryAtMs !== undefined && now >= room.retryAtMs) this.#connect(room);
      if (room.renewAtMs !== undefined && now >= room.renewAtMs) this.#renew(room);
    }
  }

  #enter(member: Member, join: JoinMessage): void {
    // A tenant's name has no zero byte, so the key is unambiguous.
    const key = `${member.tenant}\0${join.room}`;
    const room = this.#rooms.get(key);
    const former = room?.seats.find(({ token }) => token !== undefined && token === join.member);
    if (room === undefined) {
      this.#open(key, member, join);
    } else if (former !== undefined) {
      // The member returns to its own seat, so the third peer that waits for a seat is refused.
      if (room.third !== undefined) this.#expel(room.third.member, 'room-full');
      this.#expel(former.member, 'replaced');
      this.#enter(member, join);
    } else if (room.seats.length < 2) {
      this.#seat(room, member, join);
    } else if (room.third !== undefined) {
      member.fail('room-full');
    } else {
      room.third = { member, join, sinceMs: this.#options.clock.monotonic() };
      this.#roomOf.set(member, room);
      for (const seat of room.seats) seat.member.ping();
    }
  }

  #open(key: string, member: Member, join: JoinMessage): void {
    const { tenant } = member;
    const ofTenant = this.#perTenant.of(tenant);
    if (
      this.#rooms.size >= RENDEZVOUS_LIMITS.roomsMax ||
      ofTenant >= RENDEZVOUS_LIMITS.roomsPerTenantMax
    ) {
      member.fail('room-limit', { retryAfterSeconds: ROOM_LIMIT_RETRY_SECONDS });
      return;
    }
    const room: Room = {
      key,
      name: join.room,
      tenant,
      seats: [],
      connectionId: undefined,
      connectedAtMs: Number.NEGATIVE_INFINITY,
      retryAtMs: undefined,
      noRelay: undefined,
      renewAtMs: undefined,
      third: undefined,
    };
    this.#rooms.set(key, room);
    this.#perTenant.add(tenant);
    this.#seat(room, member, join);
  }

  #remove(room: Room): void {
    this.#rooms.delete(room.key);
    this.#perTenant.remove(room.tenant);
  }

  #seat(room: Room, member: Member, { hints, member: token }: JoinMessage): void {
    const seat: Seat = { member, token, hints, readySinceMs: undefined, addressPassed: false };
    room.seats.push(seat);
    this.#roomOf.set(member, room);
    this.#ready(room, seat);
  }

  /**
   * Marks a member as ready, and connects the room if both are. One member's request is enough to
   * replace a connection that cannot be in use, because not both addresses were forwarded.
   */
  #ready(room: Room, seat: Seat): void {
    const now = this.#options.clock.monotonic();
    seat.readySinceMs ??= now;
    const other = otherSeat(room, seat);
    if (other?.readySinceMs !== undefined) {
      this.#connect(room);
    } else if (other !== undefined && isUnmade(room)) {
      room.renewAtMs = room.connectedAtMs + RENEWAL_MS;
      if (now >= room.renewAtMs) this.#renew(room);
      else seat.member.send({ type: 'waiting' });
    } else {
      seat.member.send({ type: 'waiting' });
      other?.member.send({ type: 'peer-ready' });
    }
  }

  /** Replaces a connection that was not in use yet. */
  #renew(room: Room): void {
    for (const seat of room.seats) seat.readySinceMs ??= this.#options.clock.monotonic();
    this.#connect(room);
  }

  #connect(room: Room): void {
    const [first, second] = room.seats;
    room.retryAtMs = undefined;
    room.renewAtMs = undefined;
    if (first?.readySinceMs === undefined || second?.readySinceMs === undefined) return;
    const answer = this.#options.create({
      tenant: room.tenant,
      peers: avoidingTogether(hintsOf(first), hintsOf(second)),
      ttlSeconds: CREDENTIAL_TTL_SECONDS,
      session: `room ${room.name}`,
    });
    if (!answer.ok) {
      this.#unserved(room, answer.noRelay);
      return;
    }
    const { connectionId, expiresAt, realm, peers, snapshot, seed } = answer.connection;
    room.connectionId = connectionId;
    room.connectedAtMs = this.#options.clock.monotonic();
    settle(room);
    for (const [index, seat] of [first, second].entries()) {
      const half = peers[index as 0 | 1];
      seat.addressPassed = false;
      const common = { connectionId, expiresAt, realm, snapshot, seed };
      seat.member.send({ type: 'connection', ...common, ...half });
    }
  }

  /** Tells both members why no relay can serve, once per reason, and schedules a retry. */
  #unserved(room: Room, noRelay: NoRelay): void {
    room.retryAtMs = this.#options.clock.monotonic() + RETRY_MS;
    const told = room.noRelay?.reason === noRelay.reason;
    room.noRelay = noRelay;
    if (told) return;
    const { reason, detail } = noRelay;
    for (const { member } of room.seats) {
      member.send({
        type: 'error',
        code: 'no-relay',
        message: `no relay can serve now: ${detail}`,
        reason,
        retryAfterSeconds: NO_RELAY_RETRY_SECONDS,
      });
    }
  }

  /** Decides about a third peer after the two members have answered the ping or timed out. */
  #judgeThird(room: Room, now: number): void {
    const { third } = room;
    if (third === undefined) return;
    const silent = room.seats.filter(({ member }) => member.heardAtMs <= third.sinceMs);
    if (silent.length === 0) {
      this.#expel(third.member, 'room-full');
    } else if (now - third.sinceMs >= WEB_SOCKET_LIMITS.probeMs) {
      for (const { member } of silent) {
        this.leave(member);
        member.drop();
      }
    }
  }

  #seatThird(room: Room): void {
    const { third } = room;
    if (third === undefined || room.seats.length === 2) return;
    room.third = undefined;
    this.#seat(room, third.member, third.join);
  }

  #expel(member: Member, code: RendezvousErrorCode, details: { reason?: string } = {}): void {
    this.leave(member);
    member.fail(code, details);
  }
}

/** Retry interval after no relay could serve, ms. */
const RETRY_MS = 500;

/** Retry time for a tenant that has filled its rooms, s. */
const ROOM_LIMIT_RETRY_SECONDS = 30;

/** Minimum age of a connection before one member alone can have it replaced, ms. */
const RENEWAL_MS = 1_000;

/** Returns whether the room's connection cannot be in use: not both addresses were forwarded. */
function isUnmade(room: Room): boolean {
  return room.connectionId !== undefined && !room.seats.every((seat) => seat.addressPassed);
}

/** Marks both members as connected. */
function settle(room: Room): void {
  room.noRelay = undefined;
  room.renewAtMs = undefined;
  for (const seat of room.seats) seat.readySinceMs = undefined;
}

/** Returns the reason of `room-expired`: what the member waited for. */
function waitedFor({ name, seats, noRelay }: Room): string {
  const room = `room ${JSON.stringify(name)}`;
  const time = `within ${RENDEZVOUS_LIMITS.roomWaitMs / 1_000} s`;
  if (seats.length < 2) return `no other peer came to ${room} ${time}`;
  if (noRelay !== undefined) return `no relay could serve ${room} ${time}: ${noRelay.detail}`;
  return `the other peer in ${room} did not ask for a new connection ${time}`;
}

function seatOf(room: Room, member: Member): Seat | undefined {
  return room.seats.find((seat) => seat.member === member);
}

function otherSeat(room: Room, seat: Seat): Seat | undefined {
  return room.seats.find((each) => each !== seat);
}

/** Returns a member's hints, with the address that it is seen at. */
function hintsOf({ hints, member: { source } }: Seat): PeerHints {
  return source === undefined ? hints : { ...hints, source };
}

/** Merges both peers' `avoid`: a relay that one peer avoids does not help the other. */
function avoidingTogether(first: PeerHints, second: PeerHints): [PeerHints, PeerHints] {
  const avoid = new Set([...(first.avoid ?? []), ...(second.avoid ?? [])]);
  if (avoid.size === 0) return [first, second];
  return [
    { ...first, avoid },
    { ...second, avoid },
  ];
}
