import { types } from 'node:util';
import { describe } from './describe-value.js';

/**
 * Stable codes of all errors that Turnpike throws or rejects with. Codes may be added, but are
 * never renamed. `docs/errors.md` has advice for each.
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
  | 'ERR_TURNPIKE_PAYLOAD_TOO_LARGE'
  | 'ERR_TURNPIKE_PRIVILEGE'
  | 'ERR_TURNPIKE_QUEUE_FULL'
  | 'ERR_TURNPIKE_REJECTED'
  | 'ERR_TURNPIKE_RELAY_ID_TAKEN'
  | 'ERR_TURNPIKE_RELAY_UNREACHABLE'
  | 'ERR_TURNPIKE_RENDEZVOUS'
  | 'ERR_TURNPIKE_SECRET'
  | 'ERR_TURNPIKE_STUN'
  | 'ERR_TURNPIKE_STUN_SERVER'
  | 'ERR_TURNPIKE_TIMEOUT'
  | 'ERR_TURNPIKE_UNKNOWN_RELAY';

/**
 * Why a peer's connection ended or could not be established, if more is known than the code. As
 * stable as the codes; `docs/errors.md` has advice for each.
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

/** Details of an error besides code and message. */
export interface TurnpikeErrorDetails {
  /** The underlying error. */
  readonly cause?: unknown;
  /** STUN error code (RFC 8489 section 14.8) of a relay's response. */
  readonly stunCode?: number;
  /** Why a connection ended, if known. */
  readonly reason?: TurnpikeErrorReason;
  /** HTTP status of a directory's response. */
  readonly status?: number;
  /** The operating system's error name, such as `EADDRINUSE`. */
  readonly errno?: string;
  /** The address of the failed operation, `host:port`. */
  readonly address?: string;
  /** Seconds after which the same call may succeed. */
  readonly retryAfterSeconds?: number;
}

/** The error class of Turnpike: match on `code`, show `message`. */
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
   * @param code - stable code
   * @param message - text for people
   * @param details - further details; `cause` is passed to Error
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

/** Returns a copy of the details; callers in JavaScript may pass anything. */
function readable(details: TurnpikeErrorDetails): TurnpikeErrorDetails {
  try {
    return { ...details };
  } catch {
    return {};
  }
}

/**
 * Returns whether a caught value is a TurnpikeError, of one code if given. Never throws.
 * @param value - any caught value
 * @param code - the required code; default any
 */
export function isTurnpikeError(value: unknown, code?: TurnpikeErrorCode): value is TurnpikeError {
  try {
    return value instanceof TurnpikeError && (code === undefined || value.code === code);
  } catch {
    // A Proxy may throw at `instanceof`.
    return false;
  }
}

/** Returns the message of a caught value, or the value as text if it is no Error. */
export function messageOf(error: unknown): string {
  return error instanceof Error ? error.message : String(error);
}

/**
 * Converts any error into a TurnpikeError.
 * @param call - the public function, for the message
 * @param error - any caught value
 * @returns the error itself if it is a TurnpikeError, else ERR_TURNPIKE_INTERNAL with it as cause
 */
export function asTurnpikeError(call: string, error: unknown): TurnpikeError {
  if (isTurnpikeError(error)) return error;
  const message = types.isNativeError(error) ? error.message : `${describe(error)} was thrown`;
  return new TurnpikeError('ERR_TURNPIKE_INTERNAL', `${call}: ${message}`, { cause: error });
}
