import { familyOf, isWildcard, type TransportAddress, toAddress } from '../address.js';
import { TurnpikeError } from '../errors.js';
import { checkStatus } from './failures.js';
import { DATA_PLANE_LIMITS, Status } from './interface.js';
import type { OutgoingDatagram } from './types.js';

const NO_ADDRESS = '::';

/**
 * Checks a datagram as `Controller::Send` does.
 * @param own - the address of the socket that its handle names; undefined if the handle names no
 *   socket of its side
 * @throws TurnpikeError ERR_TURNPIKE_ARGUMENT for data of a wrong type or length,
 *   ERR_TURNPIKE_ADDRESS if the socket cannot send to its destination or from its source
 */
export function checkSendable(
  { tuple, data }: OutgoingDatagram,
  own: TransportAddress | undefined,
): void {
  const most = DATA_PLANE_LIMITS.datagramBytesMax;
  if (!(data instanceof Uint8Array && data.length <= most)) {
    const message = `data must be a Uint8Array of at most ${most} bytes`;
    throw new TurnpikeError('ERR_TURNPIKE_ARGUMENT', message);
  }
  const { remote, local = NO_ADDRESS } = tuple;
  const source = toAddress({ address: local, port: 0 });
  const fits =
    own !== undefined &&
    remote.port !== 0 &&
    !isWildcard(remote) &&
    familyOf(remote) === familyOf(own) &&
    (source.address === NO_ADDRESS || (isWildcard(own) && familyOf(source) === familyOf(own)));
  if (!fits) checkStatus('send', Status.Address);
}
