import { familyOf, isWildcard, type TransportAddress, toAddress } from '../address.js';
import { TurnpikeError } from '../errors.js';
import { checkStatus } from './failures.js';
import { DATA_PLANE_LIMITS, Status } from './interface.js';
import { listenerOf } from './transport-handle.js';
import type { OutgoingDatagram } from './types.js';

const NO_ADDRESS = '::';

/**
 * Checks what a data plane would refuse of a datagram, as `Controller::Send` does.
 * @param bound - the addresses of the datagram's side
 * @throws TurnpikeError ERR_TURNPIKE_ARGUMENT for its length, ERR_TURNPIKE_ADDRESS where no socket
 *   of the side can send to it
 */
export function checkSendable(
  { side, tuple, data }: OutgoingDatagram,
  bound: readonly TransportAddress[],
): void {
  const most = DATA_PLANE_LIMITS.datagramBytesMax;
  if (!(data instanceof Uint8Array && data.length <= most)) {
    const message = `data must be a Uint8Array of at most ${most} bytes`;
    throw new TurnpikeError('ERR_TURNPIKE_ARGUMENT', message);
  }
  const { handle, remote, local = NO_ADDRESS } = tuple;
  const listener = listenerOf(handle);
  const own = listener?.side === side ? bound[listener.index] : undefined;
  const source = toAddress({ address: local, port: 0 });
  const fits =
    own !== undefined &&
    remote.port !== 0 &&
    !isWildcard(remote) &&
    familyOf(remote) === familyOf(own) &&
    (source.address === NO_ADDRESS || (isWildcard(own) && familyOf(source) === familyOf(own)));
  if (!fits) checkStatus('send', Status.Address);
}
