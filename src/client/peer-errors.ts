import { formatAddress, type TransportAddress } from '../address.js';
import { isTurnpikeError, TurnpikeError, type TurnpikeErrorReason } from '../errors.js';
import { AttributeType } from '../stun/attribute-types.js';
import { ErrorCode, RefusalCause, reasonPhrase } from '../stun/error-codes.js';
import { LEG_LIMITS } from '../stun/leg-limits.js';
import type { StunMessage } from '../stun/message.js';
import type { ConnectionGrant } from './grant.js';
import type { AddressLoss } from './relay-path.js';

/** Meaning of the error codes (PROTOCOL.md section 2) for the peer that receives them. */
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

/** Meaning of REFUSAL-CAUSE 1; the reason phrase tells which case it is. */
const PAIR_MEANING =
  'these two relays do not connect the peers, as they do not reach each other or one refuses';

/** Meaning of the codes of a Closed indication (PROTOCOL.md section 2). */
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

/** Meaning of REFUSAL-CAUSE 2: the relay hears nothing of this peer, although the peer sends. */
const UNHEARD = {
  text: 'nothing of this peer reaches it any more',
  reason: 'relay-unresponsive',
} as const;

/**
 * Returns the meaning of a STUN error code in plain words.
 * @param code - 300 to 699
 * @param reason - the reason phrase, used for other codes
 */
function meaningOf(code: number, reason: string): string {
  return MEANINGS[code] ?? (reason === '' ? 'the relay gave no reason' : reason);
}

/**
 * Returns the error for a request that a relay refused.
 * @param method - the request's method by name, for the message
 * @param answer - the error response; its ERROR-CODE must be well-formed
 * @param grant - the grant that names the relay
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

/** Returns the relay's reason phrase in parentheses, if it is not the code's standard phrase. */
function quoted(code: number, words: string): string {
  return words === '' || words === reasonPhrase(code) ? '' : ` (the relay says: ${words})`;
}

/** Returns the error for an operation that the caller's signal aborted. */
export function aborted(signal: AbortSignal): TurnpikeError {
  return new TurnpikeError('ERR_TURNPIKE_ABORTED', 'aborted by the caller', {
    cause: signal.reason,
  });
}

/**
 * Returns the error for a connection that the relay closed.
 * @param grant - the grant that names the relay
 * @param code - the STUN error code of the indication
 * @param words - its reason phrase
 * @param cause - its REFUSAL-CAUSE, if present
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
 * Returns the error for a leg that the relay does not have for this peer's address (437 to a
 * Refresh).
 * @param grant - the grant that names the relay
 * @param wasBound - whether it had the leg for another address of this peer, as the close showed
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
 * Returns the error for a relay that does not respond any more.
 * @param grant - the grant that names the relay
 * @param forMs - duration of the silence, ms
 * @param sendError - the last error of a send or of the network, if any
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

/** Returns the error for a connection whose local address is gone. */
export function addressChanged(grant: ConnectionGrant, { from, to }: AddressLoss): TurnpikeError {
  const now =
    to === undefined ? 'there is no way to the relay now' : `packets leave from ${to} now`;
  return new TurnpikeError(
    'ERR_TURNPIKE_CLOSED',
    `this host lost the address ${from} that the connection was made from; ${now}`,
    { reason: 'local-address-changed', address: formatAddress(grant.relay) },
  );
}

/** Returns the error for a Connect without a response. */
export function notConnected(to: TransportAddress, cause: TurnpikeError): TurnpikeError {
  const address = formatAddress(to);
  return new TurnpikeError(
    'ERR_TURNPIKE_TIMEOUT',
    `not connected to ${address} in ${LEG_LIMITS.connectMs / 1_000} s: ${cause.message}`,
    { cause, address },
  );
}

/** Returns the error for calls after `close`. */
export function closedHere(): TurnpikeError {
  return new TurnpikeError('ERR_TURNPIKE_CLOSED', 'the connection was closed on this side');
}

/** Returns the error for an authentic response without a required attribute. */
export function unusable(method: string, attribute: string): TurnpikeError {
  return new TurnpikeError(
    'ERR_TURNPIKE_STUN',
    `the relay's answer to ${method} has no usable ${attribute}`,
  );
}

/** Returns what `Peer.close` reports for a reason: any value that is none of ours is a cause. */
export function closeReason(reason: unknown): TurnpikeError {
  if (isTurnpikeError(reason)) return reason;
  return new TurnpikeError('ERR_TURNPIKE_CLOSED', 'the connection was closed', { cause: reason });
}
