import { getSystemErrorName } from 'node:util';
import { decodeAddress, formatAddress, type TransportAddress } from '../address.js';
import { bindAdvice } from '../errno-advice.js';
import { TurnpikeError, type TurnpikeErrorCode } from '../errors.js';
import type { NativeFailure } from './binding.js';
import { Status } from './interface.js';

const CODES: Readonly<Record<number, TurnpikeErrorCode>> = {
  [Status.Limit]: 'ERR_TURNPIKE_LIMIT',
  [Status.QueueFull]: 'ERR_TURNPIKE_QUEUE_FULL',
  [Status.Closed]: 'ERR_TURNPIKE_CLOSED',
  [Status.Invalid]: 'ERR_TURNPIKE_ARGUMENT',
  [Status.Address]: 'ERR_TURNPIKE_ADDRESS',
  [Status.Bind]: 'ERR_TURNPIKE_BIND',
  [Status.System]: 'ERR_TURNPIKE_NATIVE',
  [Status.UnknownRelay]: 'ERR_TURNPIKE_UNKNOWN_RELAY',
  [Status.Option]: 'ERR_TURNPIKE_CONFIG',
};

const REASONS: Readonly<Record<number, string>> = {
  [Status.Limit]: 'the table is full',
  [Status.QueueFull]: 'a queue is full, or an earlier command waits; nothing was changed',
  [Status.Closed]: 'the data plane is closed',
  [Status.Invalid]: 'a value is out of its bounds',
  [Status.UnknownRelay]: 'there is no relay of that index',
  [Status.Address]: 'no socket there can reach or receive from that address',
};

/**
 * Throws the error for the status of a call.
 * @param call - the method, for the message
 * @param status - the addon's result
 * @throws TurnpikeError for each status but Ok, with the code of CODES
 */
export function checkStatus(call: string, status: number): void {
  if (status === Status.Ok) return;
  throw new TurnpikeError(CODES[status] ?? 'ERR_TURNPIKE_NATIVE', `${call}: ${REASONS[status]}`);
}

/**
 * Converts an error of the native constructor.
 * @param thrown - an Error with the fields of NativeFailure
 * @returns the error to throw, with `errno` and `address` where they are known
 */
export function openFailure(thrown: unknown): TurnpikeError {
  const { message, status, errorNumber, address } = thrown as NativeFailure;
  const errno = errorNumber > 0 ? getSystemErrorName(-errorNumber) : undefined;
  const bound = status === Status.Bind ? decodeAddress(address) : undefined;
  const advice = bound?.ok === true ? bindAdvice(errno, bound.address) : '';
  return new TurnpikeError(CODES[status] ?? 'ERR_TURNPIKE_NATIVE', `${message}${advice}`, {
    ...(errno !== undefined && { errno }),
    ...(address !== '' && { address }),
  });
}

/**
 * Returns the error for an endpoint that was not opened, with `errno` and `address`.
 * @param report - the worker's report: status and errno
 * @param address - the address that was to be bound
 */
export function endpointFailure(
  { status, errorNumber }: { readonly status: number; readonly errorNumber: number },
  address: TransportAddress,
): TurnpikeError {
  const errno = getSystemErrorName(-errorNumber);
  const text = formatAddress(address);
  const advice = bindAdvice(errno, address);
  const message = `openEndpoint: cannot open a socket at ${text}: ${errno}${advice}`;
  return new TurnpikeError(CODES[status] ?? 'ERR_TURNPIKE_NATIVE', message, {
    errno,
    address: text,
  });
}
