import { formatAddress } from '../address.js';
import { TurnpikeError } from '../errors.js';
import { AttributeType } from '../stun/attribute-types.js';
import type { StunMessage } from '../stun/message.js';
import type { ConnectionGrant } from './grant.js';

/** What each error code of PROTOCOL.md section 2 means to the peer that receives it. */
const MEANINGS: Readonly<Record<number, string>> = {
  300: 'the relay is draining and takes no new connections',
  400: 'the relay could not read the request',
  401: 'the relay did not accept the credentials: they are wrong or have expired',
  403:
    'forbidden: unknown peer relay, credentials of another connection, or the addresses that the ' +
    'two peers named do not match',
  420: 'the relay does not know an attribute of the request',
  437:
    'the connection is unknown to the relay, bound to another socket, or was closed by the other ' +
    'side',
  438: 'the relay kept calling the nonce stale',
  440: 'the two relays have no address family in common',
  442: 'the relay does not relay this transport protocol',
  446: 'this connection is already connected to another address or relay',
  447: 'the other peer did not connect in time, or its relay is gone',
  486: "the tenant's quota at the relay is reached",
  508: 'the relay is full',
};

/** What the codes of a Closed indication mean (PROTOCOL.md section 2). */
const CLOSED_MEANINGS: Readonly<Record<number, string>> = {
  300: 'it is draining',
  437: 'the other side closed it, or it expired',
  447: 'the other relay is gone',
};

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
  const { code, reason } = answer.errorCode() ?? { code: 500, reason: '' };
  const alternate = answer.address(AttributeType.AlternateServer);
  const hint = alternate === undefined ? '' : `; it names ${formatAddress(alternate)} instead`;
  return new TurnpikeError(
    'ERR_TURNPIKE_REJECTED',
    `${method} rejected with ${code}: ${meaningOf(code, reason)}${hint}`,
    { stunCode: code, address: formatAddress(grant.relay) },
  );
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
 * @param reason - the relay's own words
 */
export function closedByRelay(
  grant: ConnectionGrant,
  code: number,
  reason: string,
  cause?: unknown,
): TurnpikeError {
  const meaning = CLOSED_MEANINGS[code] ?? meaningOf(code, reason);
  return new TurnpikeError(
    'ERR_TURNPIKE_CLOSED',
    `the relay closed the connection with ${code}: ${meaning}`,
    { stunCode: code, address: formatAddress(grant.relay), cause },
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
