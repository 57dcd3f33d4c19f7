import { type AddressInput, type TransportAddress, toAddress } from '../address.js';
import { TurnpikeError } from '../errors.js';
import { checkOptions } from '../options/check.js';
import type { CallOptions } from './directory-client.js';
import type { ConnectionGrant } from './grant.js';
import { CALL_SPECS } from './option-specs.js';
import { aborted } from './peer-errors.js';

/**
 * One connection that the rendezvous created for two members of a room: this peer's half, and the
 * exchange of NAT addresses.
 */
export class Introduction {
  readonly grant: ConnectionGrant;
  readonly #send: (address: TransportAddress) => void;
  readonly #over = new AbortController();
  readonly #peerAddress: Promise<TransportAddress>;
  #resolvePeerAddress: (address: TransportAddress) => void = () => {};
  #sent = false;
  #received = false;

  /** @param send - sends this peer's address to the directory */
  constructor(grant: ConnectionGrant, send: (address: TransportAddress) => void) {
    this.grant = grant;
    this.#send = send;
    this.#peerAddress = new Promise((resolve) => {
      this.#resolvePeerAddress = resolve;
    });
  }

  /**
   * Aborts when the connection is obsolete: the other side left before the addresses were
   * exchanged, or asked for another one. The reason is a TurnpikeError ERR_TURNPIKE_RENDEZVOUS.
   */
  get over(): AbortSignal {
    return this.#over.signal;
  }

  /** Whether both addresses have been exchanged, so that the rendezvous is no longer needed. */
  get complete(): boolean {
    return this.#sent && this.#received;
  }

  /**
   * Sends this peer's NAT address, `Peer.mappedAddress`, to the other side.
   * @throws TurnpikeError ERR_TURNPIKE_ADDRESS for another value
   */
  sendAddress(address: AddressInput): void {
    const checked = toAddress(address);
    this.#sent = true;
    this.#send(checked);
  }

  /**
   * Waits for the other side's NAT address.
   * @throws TurnpikeError ERR_TURNPIKE_ABORTED; ERR_TURNPIKE_RENDEZVOUS if `over` aborts first
   */
  async peerAddress(options: CallOptions = {}): Promise<TransportAddress> {
    const call = 'Introduction#peerAddress';
    const { signal } = checkOptions<CallOptions, typeof CALL_SPECS>(call, CALL_SPECS, options);
    const over = this.#over.signal;
    let stop = () => {};
    const stopped = new Promise<never>((_, reject) => {
      stop = () => reject(signal?.aborted ? aborted(signal) : over.reason);
      if (signal?.aborted || over.aborted) stop();
      signal?.addEventListener('abort', stop);
      over.addEventListener('abort', stop);
    });
    try {
      return await Promise.race([this.#peerAddress, stopped]);
    } finally {
      signal?.removeEventListener('abort', stop);
      over.removeEventListener('abort', stop);
    }
  }

  /** Takes the other side's address; later ones are ignored. */
  receive(address: TransportAddress): void {
    this.#received = true;
    this.#resolvePeerAddress(address);
  }

  /** Marks the connection as obsolete. */
  end(why: string): void {
    this.#over.abort(new TurnpikeError('ERR_TURNPIKE_RENDEZVOUS', why));
  }
}
