import { types } from 'node:util';
import { describe } from './describe-value.js';

/**
 * Stable codes of every error that Turnpike throws or rejects with. Codes are API: they are added
 * to, never renamed. `docs/errors.md` says what to do about each.
 */
export type TurnpikeErrorCode =
  | 'ERR_TURNPIKE_ABORTED'
  | 'ERR_TURNPIKE_ADDON'
  | 'ERR_TURNPIKE_ADDRESS'
  | 'ERR_TURNPIKE_ARGUMENT'
  | 'ERR_TURNPIKE_BIND'
  | 'ERR_TURNPIKE_CLOSED'
  | 'ERR_TURNPIKE_CONFIG'
  | 'ERR_TURNPIKE_CREDENTIAL'
  | 'ERR_TURNPIKE_DIRECTORY'
  | 'ERR_TURNPIKE_DIRECTORY_UNREACHABLE'
  | 'ERR_TURNPIKE_INTERNAL'
  | 'ERR_TURNPIKE_LAB'
  | 'ERR_TURNPIKE_LIMIT'
  | 'ERR_TURNPIKE_NATIVE'
  | 'ERR_TURNPIKE_NO_RELAY'
  | 'ERR_TURNPIKE_PAYLOAD_TOO_LARGE'
  | 'ERR_TURNPIKE_PRIVILEGE'
  | 'ERR_TURNPIKE_QUEUE_FULL'
  | 'ERR_TURNPIKE_REJECTED'
  | 'ERR_TURNPIKE_RELAY_ID_TAKEN'
  | 'ERR_TURNPIKE_RELAY_UNREACHABLE'
  | 'ERR_TURNPIKE_RENDEZVOUS'
  | 'ERR_TURNPIKE_SECRET'
  | 'ERR_TURNPIKE_STUN'
  | 'ERR_TURNPIKE_TIMEOUT'
  | 'ERR_TURNPIKE_UNKNOWN_RELAY';

/**
 * Why a peer's connection ended or was not made, where there is more to say than the code does. As
 * stable as the codes; `docs/errors.md` says what to do about each.
 */
export type TurnpikeErrorReason =
  | 'connection-unknown'
  | 'local-address-changed'
  | 'nat-address-changed'
  | 'other-relay-gone'
  | 'other-side-left'
  | 'other-side-silent'
  | 'relay-draining'
  | 'relay-unresponsive'
  | 'relays-unreachable';

/** What an error may carry besides its code and message. */
export interface TurnpikeErrorDetails {
  /** The error that led to this one. */
  readonly cause?: unknown;
  /** STUN error code (RFC 8489 section 14.8) where a relay answered with one. */
  readonly stunCode?: number;
  /** Why a connection ended, where that is known. */
  readonly reason?: TurnpikeErrorReason;
  /** HTTP status where a directory answered with one. */
  readonly status?: number;
  /** The operating system's error name, such as `EADDRINUSE`. */
  readonly errno?: string;
  /** The address, `host:port`, that the failed operation was about. */
  readonly address?: string;
  /** Seconds after which the same call may succeed. */
  readonly retryAfterSeconds?: number;
}

/** The one error class of Turnpike: match on `code`, show `message`. */
export class TurnpikeError extends Error {
  override readonly name = 'TurnpikeError';
  readonly code: TurnpikeErrorCode;
  declare readonly stunCode?: number;
  declare readonly reason?: TurnpikeErrorReason;
  declare readonly status?: number;
  declare readonly errno?: string;
  declare readonly address?: string;
  declare readonly retryAfterSeconds?: number;

  /**
   * @param code - stable
   * @param message - for people
   * @param details - what else is known; a `cause` is handed to Error
   */
  constructor(code: TurnpikeErrorCode, message: string, details: TurnpikeErrorDetails = {}) {
    const { cause, ...rest } = readable(details);
    super(
      typeof message === 'string' ? message : describe(message),
      cause === undefined ? undefined : { cause },
    );
    this.code = code;
    Object.assign(this, rest);
  }
}

/** Details that can be read; a caller from JavaScript may give anything. */
function readable(details: TurnpikeErrorDetails): TurnpikeErrorDetails {
  try {
    return { ...details };
  } catch {
    return {};
  }
}

/**
 * Tells whether a caught value is a TurnpikeError, of one code if given. Never throws.
 * @param value - anything caught
 * @param code - the code it must have; any code when left out
 */
export function isTurnpikeError(value: unknown, code?: TurnpikeErrorCode): value is TurnpikeError {
  try {
    return value instanceof TurnpikeError && (code === undefined || value.code === code);
  } catch {
    // A Proxy may throw when it is asked what it is.
    return false;
  }
}

/**
 * The error that leaves the library in place of one that is none of ours.
 * @param call - the public function, for the message
 * @param error - anything caught
 * @returns the error itself when it is a TurnpikeError, else ERR_TURNPIKE_INTERNAL with it as cause
 */
export function asTurnpikeError(call: string, error: unknown): TurnpikeError {
  if (isTurnpikeError(error)) return error;
  const message = types.isNativeError(error) ? error.message : `${describe(error)} was thrown`;
  return new TurnpikeError('ERR_TURNPIKE_INTERNAL', `${call}: ${message}`, { cause: error });
}
