import type { Clock } from '../../clock.js';
import { KeyCounter } from '../../collections/key-counter.js';
import { WEB_SOCKET_LIMITS } from '../../http/web-socket-limits.js';
import {
  type BrokerAnswer,
  type ConnectionWish,
  CREDENTIAL_TTL_SECONDS,
} from '../connection-broker.js';
import { NO_RELAY_RETRY_SECONDS, type NoRelay } from '../selection/no-relay-reason.js';
import type { PeerHints } from '../selection/score.js';
import type {
  AddressMessage,
  JoinMessage,
  OutgoingMessage,
  RendezvousErrorCode,
} from './messages.js';
import { RENDEZVOUS_LIMITS } from './rendezvous-limits.js';
import type { UnmadeConnection } from './unmade-connection-log.js';

/** A peer's socket, as rooms see it. */
export interface Member {
  readonly tenant: string;
  /** Monotonic time of the last thing heard from it. */
  readonly heardAtMs: number;
  send(message: OutgoingMessage): void;
  /** Sends the error and closes the socket. */
  fail(code: RendezvousErrorCode, details?: { reason?: string; retryAfterSeconds?: number }): void;
  /** The IP address that it comes from; undefined once it is gone. */
  readonly from?: string | undefined;
  /** Asks for a sign of life. */
  ping(): void;
  /** Ends the socket without a word: nobody is there to read it. */
  drop(): void;
}

interface Seat {
  readonly member: Member;
  readonly token: string | undefined;
  hints: PeerHints;
  /** When it became ready for a connection; undefined while it has one. */
  readySinceMs: number | undefined;
  /** Whether its address for the present connection has been passed on. */
  addressPassed: boolean;
}

interface Room {
  readonly key: string;
  readonly name: string;
  readonly tenant: string;
  /** One or two, the longest present first. */
  readonly seats: Seat[];
  connectionId: string | undefined;
  /** When the newest connection was made. */
  connectedAtMs: number;
  /** When to try again, after no relay could serve. */
  retryAtMs: number | undefined;
  /** Why no relay could serve, as the members were told. */
  noRelay: NoRelay | undefined;
  /** When a connection that one member does not want is replaced. */
  renewAtMs: number | undefined;
  /** A third peer, while it is found out whether the two are still there. */
  third:
    | { readonly member: Member; readonly join: JoinMessage; readonly sinceMs: number }
    | undefined;
}

/** What rooms work with. */
export interface RoomsOptions {
  readonly create: (wish: ConnectionWish) => BrokerAnswer;
  /** A member asks for another connection before the one that it has was in use. */
  readonly onUnmade?: (unmade: UnmadeConnection) => void;
  readonly clock: Clock;
}

/**
 * The rooms where peers without signalling meet (docs/rendezvous.md). A room exists exactly as long
 * as somebody is in it.
 *
 * Bounds: `roomsMax` rooms, `roomsPerTenantMax` of a tenant, two members and one third waiting to
 * be seated in each; beyond them the newcomer is refused.
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

  /** A member is ready: for the first time, or for another connection. */
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
    // Without a seat it waits for one, with what it said first.
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

  /** Passes a member's NAT address on to the other member, if it is of the present connection. */
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
    // Both go on with it: whoever asked for another has taken this one for the answer.
    if (room.renewAtMs !== undefined && !isUnmade(room)) settle(room);
  }

  /** A member's socket is gone. */
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

  /** To be called a few times a second: what is due by time. */
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
    // A tenant's name holds no zero byte, so no two pairs of names make one key.
    const key = `${member.tenant}\0${join.room}`;
    const room = this.#rooms.get(key);
    const former = room?.seats.find(({ token }) => token !== undefined && token === join.member);
    if (room === undefined) {
      this.#open(key, member, join);
    } else if (former !== undefined) {
      // It comes back to its own seat; who waited to see whether the seat was free is answered.
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
   * Makes a member ready, and the connection if both are. Before both addresses have been passed
   * on, a connection cannot be in use, so one member's wish for another is enough.
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
      peers: avoidingTogether(first.hints, second.hints),
      ttlSeconds: CREDENTIAL_TTL_SECONDS,
    });
    if (!answer.ok) {
      this.#unserved(room, answer.noRelay);
      return;
    }
    const { connectionId, expiresAt, realm, peers } = answer.connection;
    room.connectionId = connectionId;
    room.connectedAtMs = this.#options.clock.monotonic();
    settle(room);
    for (const [index, seat] of [first, second].entries()) {
      const half = peers[index as 0 | 1];
      seat.addressPassed = false;
      seat.member.send({ type: 'connection', connectionId, expiresAt, realm, ...half });
    }
  }

  /** Tells both why no relay can serve, once for each reason, and tries again soon. */
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

  /** Decides about a third peer once the two have answered, or had the time to. */
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

/** How soon two members are tried again that no relay could serve: relays come within seconds. */
const RETRY_MS = 500;

/** A tenant that has filled its rooms should not hurry. */
const ROOM_LIMIT_RETRY_SECONDS = 30;

/** How soon after a connection was made one member alone may have it replaced. */
const RENEWAL_MS = 1_000;

/** Whether the room's connection cannot be in use: both addresses have not been passed on. */
function isUnmade(room: Room): boolean {
  return room.connectionId !== undefined && !room.seats.every((seat) => seat.addressPassed);
}

/** Both members have a connection and wait for none. */
function settle(room: Room): void {
  room.noRelay = undefined;
  room.renewAtMs = undefined;
  for (const seat of room.seats) seat.readySinceMs = undefined;
}

/** What a member of the room has waited for in vain. */
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

/** What one of them avoids is no help to the other either, as long as there is another relay. */
function avoidingTogether(first: PeerHints, second: PeerHints): [PeerHints, PeerHints] {
  const avoid = new Set([...(first.avoid ?? []), ...(second.avoid ?? [])]);
  if (avoid.size === 0) return [first, second];
  return [
    { ...first, avoid },
    { ...second, avoid },
  ];
}
