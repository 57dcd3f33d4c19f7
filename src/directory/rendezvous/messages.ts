import Type, { type Static } from 'typebox';
import { Compile } from 'typebox/compile';
import { isUnicast, type TransportAddress, transportAddress } from '../../address.js';
import { isTurnpikeError } from '../../errors.js';
import { AddressText, Port } from '../../registry/schemas.js';
import type { NoRelayReason } from '../../selection/no-relay-reason.js';
import type { PeerHints } from '../../selection/request.js';
import type { ConnectionHalf } from '../connection-broker.js';
import { PeerShape, peerHints } from '../http/peer-hints.js';

/** The error codes of docs/rendezvous.md, with WebSocket close code and message. */
export const RENDEZVOUS_ERRORS = {
  'bad-message': { close: 1008, message: 'not a message of the rendezvous' },
  'room-full': { close: 4009, message: 'two other peers are in the room' },
  replaced: { close: 4010, message: 'a newer socket of this member joined' },
  'room-limit': { close: 1013, message: 'no room is left for another room' },
  'room-expired': { close: 4008, message: 'waited in vain' },
  'rate-limited': { close: 1008, message: 'too many messages' },
  'join-timeout': { close: 1008, message: 'no join in time' },
  'shutting-down': { close: 1001, message: 'the directory stops' },
} as const;

/** An error after which the socket is closed. */
export type RendezvousErrorCode = keyof typeof RENDEZVOUS_ERRORS;

/** A message that the directory sends. */
export type OutgoingMessage =
  | { readonly type: 'waiting' }
  | { readonly type: 'peer-ready' }
  | { readonly type: 'peer-left' }
  | ({
      readonly type: 'connection';
      readonly connectionId: string;
      readonly expiresAt: string;
      readonly realm: string;
      /** Number of the snapshot, and the seed, by which the relays were selected. */
      readonly snapshot: number;
      readonly seed: number;
    } & ConnectionHalf)
  | ({ readonly type: 'address'; readonly connectionId: string } & TransportAddress)
  | {
      readonly type: 'error';
      readonly code: RendezvousErrorCode | 'no-relay';
      readonly message: string;
      /** Only with `no-relay`: the reason, as in the problem of `POST /v1/connections`. */
      readonly reason?: NoRelayReason;
      readonly retryAfterSeconds?: number;
    };

/** A peer's request for a connection with the other peer in the room. */
export interface JoinMessage {
  readonly type: 'join';
  /** In Unicode normalization form C, so that equal names from two systems are equal. */
  readonly room: string;
  readonly member: string | undefined;
  readonly hints: PeerHints;
}

/** A peer's NAT address, for the other peer. */
export interface AddressMessage {
  readonly type: 'address';
  readonly connectionId: string;
  readonly address: TransportAddress;
}

/** A message of a peer, or the error in it. */
export type IncomingMessage =
  | { readonly ok: true; readonly message: JoinMessage | AddressMessage }
  | { readonly ok: false; readonly reason: string };

const JoinShape = Type.Object(
  {
    type: Type.Literal('join'),
    room: Type.String({ minLength: 1, maxLength: 128, pattern: '^\\P{Cc}+$' }),
    member: Type.Optional(Type.String({ pattern: '^[A-Za-z0-9_-]{16,64}$' })),
    peer: Type.Optional(PeerShape),
  },
  { additionalProperties: false },
);

const AddressMessageShape = Type.Object(
  {
    type: Type.Literal('address'),
    connectionId: Type.String({ pattern: '^[0-9a-f]{32}$' }),
    address: AddressText,
    port: Port,
  },
  { additionalProperties: false },
);

const join = Compile(JoinShape);
const address = Compile(AddressMessageShape);

/**
 * Parses a message of a peer. Messages to the other peer are built from the parsed values, so no
 * unvalidated byte is forwarded.
 * @param text - one text frame
 */
export function parseIncoming(text: string): IncomingMessage {
  let value: unknown;
  try {
    value = JSON.parse(text);
  } catch {
    return { ok: false, reason: 'not JSON' };
  }
  const type = (value as { type?: unknown } | null)?.type;
  if (type === 'join') {
    return join.Check(value) ? joinMessage(value) : { ok: false, reason: fault(join, value) };
  }
  if (type === 'address') {
    return address.Check(value)
      ? addressMessage(value)
      : { ok: false, reason: fault(address, value) };
  }
  return { ok: false, reason: 'unknown type' };
}

function joinMessage({ room, member, peer }: Static<typeof JoinShape>): IncomingMessage {
  const read = peerHints(peer ?? {});
  if (!read.ok) return { ok: false, reason: `/peer${read.pointer}: ${read.detail}` };
  const { hints } = read;
  return { ok: true, message: { type: 'join', room: room.normalize('NFC'), member, hints } };
}

function addressMessage(given: Static<typeof AddressMessageShape>): IncomingMessage {
  try {
    const canonical = transportAddress(given.address, given.port);
    if (!isUnicast(canonical)) return { ok: false, reason: '/address: must be unicast' };
    const { connectionId } = given;
    return { ok: true, message: { type: 'address', connectionId, address: canonical } };
  } catch (error) {
    if (!isTurnpikeError(error, 'ERR_TURNPIKE_ADDRESS')) throw error;
    return { ok: false, reason: '/address: must be an IP address' };
  }
}

function fault(validator: typeof join | typeof address, value: unknown): string {
  const first = validator.Errors(value).find(({ keyword }) => keyword !== 'boolean');
  return `${first?.instancePath || '/'}: ${first?.message ?? 'wrong'}`;
}
