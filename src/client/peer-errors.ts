import { formatAddress, type TransportAddress } from '../address.js';
import { TurnpikeError, type TurnpikeErrorReason } from '../errors.js';
import { LEG_LIMITS } from '../overlay/leg-limits.js';
import { AttributeType } from '../stun/attribute-types.js';
import { ErrorCode, RefusalCause, reasonPhrase } from '../stun/error-codes.js';
import type { StunMessage } from '../stun/message.js';
import type { ConnectionGrant } from './grant.js';
import type { AddressLoss } from './relay-path.js';

/** What each error code of PROTOCOL.md section 2 means to the peer that receives it. */
const MEANINGS: Readonly<Record<number, string>> = {
  [ErrorCode.TryAlternate]: 'the relay is draining and takes no new connections',
  [ErrorCode.BadRequest]: 'the relay could not read the request',
  [ErrorCode.Unauthenticated]:
    'the relay did not accept the credentials: they are wrong or have expired',
  [ErrorCode.Forbidden]:
    'forbidden: unknown peer relay, credentials of another connection, or the addresses that the ' +
    'two peers named do not match',
  [ErrorCode.UnknownAttribute]: 'the relay does not know an attribute of the request',
  [ErrorCode.AllocationMismatch]:
    'the connection is unknown to the relay, bound to another socket, or was closed by the other ' +
    'side',
  [ErrorCode.StaleNonce]: 'the relay kept calling the nonce stale',
  [ErrorCode.AddressFamilyNotSupported]: 'the two relays have no address family in common',
  [ErrorCode.UnsupportedTransportProtocol]: 'the relay does not relay this transport protocol',
  [ErrorCode.ConnectionAlreadyExists]:
    'this connection is already connected to another address or relay',
  [ErrorCode.ConnectionTimeoutOrFailure]:
    'the other peer did not connect in time, or its relay is gone',
  [ErrorCode.AllocationQuotaReached]: "the tenant's quota at the relay is reached",
  [ErrorCode.InsufficientCapacity]: 'the relay is full',
};

/** What REFUSAL-CAUSE 1 means; the relay's own words say which it is. */
const PAIR_MEANING =
  'these two relays do not connect the peers, as they do not reach each other or one refuses';

/** What the codes of a Closed indication mean (PROTOCOL.md section 2). */
const CLOSED_MEANINGS: Readonly<
  Record<number, { readonly text: string; readonly reason: TurnpikeErrorReason }>
> = {
  [ErrorCode.TryAlternate]: { text: 'it is draining', reason: 'relay-draining' },
  [ErrorCode.PeerSilent]: { text: 'the other peer is silent', reason: 'other-side-silent' },
  [ErrorCode.AllocationMismatch]: {
    text: 'the other side closed it, or it expired',
    reason: 'other-side-left',
  },
  [ErrorCode.ConnectionTimeoutOrFailure]: {
    text: 'the other relay is gone',
    reason: 'other-relay-gone',
  },
};

/** What REFUSAL-CAUSE 2 means: the relay closes because the peer is silent, which it is not. */
const UNHEARD = {
  text: 'nothing of this peer reaches it any more',
  reason: 'relay-unresponsive',
} as const;

/**
 * The plain meaning of a STUN error code.
 * @param code - 300 to 699
 * @param reason - the relay's own words, used where the code is not one of ours
 */
function meaningOf(code: number, reason: string): string {
  return MEANINGS[code] ?? (reason === '' ? 'the relay gave no reason' : reason);
}

/**
 * The error for a request that a relay refused.
 * @param method - the request's method by name, for the message
 * @param answer - the error response; its ERROR-CODE must be well-formed
 * @param grant - whose relay it is
 * @returns TurnpikeError ERR_TURNPIKE_REJECTED with `stunCode` and the relay's address
 */
export function rejection(
  method: string,
  answer: StunMessage,
  grant: ConnectionGrant,
): TurnpikeError {
  const { code, reason } = answer.errorCode() ?? { code: ErrorCode.ServerError, reason: '' };
  const alternate = answer.address(AttributeType.AlternateServer);
  const hint = alternate === undefined ? '' : `; it names ${formatAddress(alternate)} instead`;
  const details = { stunCode: code, address: formatAddress(grant.relay) };
  const isOfThePair = answer.u32(AttributeType.RefusalCause) === RefusalCause.relaysUnreachable;
  const meaning = isOfThePair ? PAIR_MEANING : meaningOf(code, reason);
  return new TurnpikeError(
    'ERR_TURNPIKE_REJECTED',
    `${method} rejected with ${code}: ${meaning}${quoted(code, reason)}${hint}`,
    { ...details, ...(isOfThePair && { reason: 'relays-unreachable' }) },
  );
}

/** What the relay says itself, where that is more than the RFC's phrase. */
function quoted(code: number, words: string): string {
  return words === '' || words === reasonPhrase(code) ? '' : ` (the relay says: ${words})`;
}

/** The error of an operation that the caller's signal ended. */
export function aborted(signal: AbortSignal): TurnpikeError {
  return new TurnpikeError('ERR_TURNPIKE_ABORTED', 'aborted by the caller', {
    cause: signal.reason,
  });
}

/**
 * The error of a connection that the relay ended.
 * @param grant - whose relay it is
 * @param code - the STUN error code that it gave
 * @param words - the relay's own words
 * @param cause - REFUSAL-CAUSE, where the indication has one
 */
export function closedByRelay(
  grant: ConnectionGrant,
  code: number,
  words: string,
  cause?: number,
): TurnpikeError {
  const meaning = cause === RefusalCause.peerUnheard ? UNHEARD : CLOSED_MEANINGS[code];
  return new TurnpikeError(
    'ERR_TURNPIKE_CLOSED',
    `the relay closed the connection with ${code}: ${meaning?.text ?? meaningOf(code, words)}`,
    {
      stunCode: code,
      address: formatAddress(grant.relay),
      ...(meaning === undefined ? {} : { reason: meaning.reason }),
    },
  );
}

/**
 * The error of a leg that the relay no longer has for this peer's address (437 to a Refresh).
 * @param grant - whose relay it is
 * @param wasBound - whether it had the leg under another address of ours, as the close of it told
 * @param cause - the refusal
 */
export function legUnknown(
  grant: ConnectionGrant,
  wasBound: boolean,
  cause: TurnpikeError,
): TurnpikeError {
  const text = wasBound
    ? 'the NAT gave this peer another address, and the relay knows the connection by the old one'
    : 'the relay does not know the connection any more: the other side closed it, it expired, or ' +
      'the relay was started anew';
  return new TurnpikeError('ERR_TURNPIKE_CLOSED', text, {
    stunCode: ErrorCode.AllocationMismatch,
    reason: wasBound ? 'nat-address-changed' : 'connection-unknown',
    address: formatAddress(grant.relay),
    cause,
  });
}

/**
 * The error of a relay that does not answer any more.
 * @param grant - whose relay it is
 * @param forMs - how long it has not, milliseconds
 * @param sendError - why nothing could be sent lately, or what the network said of it, if so
 */
export function relayUnresponsive(
  grant: ConnectionGrant,
  forMs: number,
  sendError: NodeJS.ErrnoException | undefined,
): TurnpikeError {
  const relay = formatAddress(grant.relay);
  const seconds = forMs / 1_000;
  const errno = sendError?.code;
  const why =
    errno === undefined
      ? ''
      : errno === 'ECONNREFUSED'
        ? ', and the network says that nothing listens there (ECONNREFUSED)'
        : `, and sending to it fails with ${errno}`;
  return new TurnpikeError(
    'ERR_TURNPIKE_RELAY_UNREACHABLE',
    `relay ${relay} has not answered for ${seconds} s${why}`,
    {
      reason: 'relay-unresponsive',
      address: relay,
      ...(errno === undefined ? {} : { errno, cause: sendError }),
    },
  );
}

/** The error of a connection whose local address is gone. */
export function addressChanged(grant: ConnectionGrant, { from, to }: AddressLoss): TurnpikeError {
  const now =
    to === undefined ? 'there is no way to the relay now' : `packets leave from ${to} now`;
  return new TurnpikeError(
    'ERR_TURNPIKE_CLOSED',
    `this host lost the address ${from} that the connection was made from; ${now}`,
    { reason: 'local-address-changed', address: formatAddress(grant.relay) },
  );
}

/** The error of a Connect that the relay left without an answer. */
export function notConnected(to: TransportAddress, cause: TurnpikeError): TurnpikeError {
  const address = formatAddress(to);
  return new TurnpikeError(
    'ERR_TURNPIKE_TIMEOUT',
    `not connected to ${address} in ${LEG_LIMITS.connectMs / 1_000} s: ${cause.message}`,
    { cause, address },
  );
}

/** The error of what is asked of a connection after `close`. */
export function closedHere(): TurnpikeError {
  return new TurnpikeError('ERR_TURNPIKE_CLOSED', 'the connection was closed on this side');
}

/** The error for an answer, though authentic, that lacks what it must say. */
export function unusable(method: string, attribute: string): TurnpikeError {
  return new TurnpikeError(
    'ERR_TURNPIKE_STUN',
    `the relay's answer to ${method} has no usable ${attribute}`,
  );
}
