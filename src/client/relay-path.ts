import type { TransportAddress } from '../address.js';
import { type NetworkWatch, networkWatch } from './network-watch.js';
import { RelaySocket, type RelaySocketOptions } from './relay-socket.js';
import type { Cancel, Scheduler } from './scheduler.js';

/** A local address that is missing for this long is lost. */
export const ADDRESS_GONE_MS = 3_000;

/** Errors of a send that say nothing about the way: the kernel is short of something for now. */
const PASSING_ERRORS: ReadonlySet<string | undefined> = new Set([
  'EAGAIN',
  'EINTR',
  'EMSGSIZE',
  'ENOBUFS',
  'ENOMEM',
]);

/** Whether a send that failed so says nothing about the way to the relay. */
export function isPassing({ code }: NodeJS.ErrnoException): boolean {
  return PASSING_ERRORS.has(code);
}

/** What an address of ours that is gone leaves. */
export interface AddressLoss {
  readonly from: string;
  /** The address that packets leave from now; undefined where there is no way at all. */
  readonly to: string | undefined;
}

export interface RelayPathOptions extends Omit<RelaySocketOptions, 'onError'> {
  readonly scheduler: Scheduler;
  readonly network?: NetworkWatch | undefined;
  /** Every error that the system reports for the socket, refusals among them. */
  readonly onError: (cause: NodeJS.ErrnoException) => void;
  /** Something happened after which the relay may not hear us, or not know us, any more. */
  readonly onSuspect: () => void;
  /** The socket's own address is gone. What is sent from now on leaves by another, if any. */
  readonly onAddressLost: (loss: AddressLoss) => void;
}

/**
 * The way to one relay: a socket, and an eye on whether the host still has the address that the
 * kernel gave it when it was connected. It never changes by itself: a socket whose address is gone
 * sends nothing any more (EADDRNOTAVAIL, ENETUNREACH, or silence), so a last word to the relay
 * needs another.
 */
export class RelayPath {
  readonly #options: RelayPathOptions;
  readonly #network: NetworkWatch;
  #socket: RelaySocket;
  #endWatch: Cancel;
  /** The socket's address, where the host listed it: one that it never did cannot go. */
  #address: string | undefined;
  #missingSinceMs: number | undefined;
  /** Where packets to the relay left from at the last look. */
  #routedFrom: string | undefined;
  #examining = false;
  #lost = false;
  #closed: Promise<void> | undefined;

  private constructor(options: RelayPathOptions, network: NetworkWatch, socket: RelaySocket) {
    this.#options = options;
    this.#network = network;
    this.#socket = socket;
    this.#endWatch = network.listen({
      onLook: () => this.#onLook(),
      onWake: () => options.onSuspect(),
    });
    const { address } = socket.localAddress;
    this.#routedFrom = address;
    if (network.has(address)) this.#address = address;
  }

  /** @throws as `RelaySocket.open` */
  static async open(options: RelayPathOptions): Promise<RelayPath> {
    const network = options.network ?? networkWatch(options.scheduler);
    let path: RelayPath | undefined;
    const socket = await RelaySocket.open({
      ...options,
      onError: (cause) => path?.onError(cause),
    });
    path = new RelayPath(options, network, socket);
    return path;
  }

  get localAddress(): TransportAddress {
    return this.#socket.localAddress;
  }

  /** As `RelaySocket.send`. */
  send(datagram: Uint8Array): boolean {
    return this.#socket.send(datagram);
  }

  /** Idempotent; resolves when the socket is gone. */
  close(): Promise<void> {
    this.#closed ??= this.#close();
    return this.#closed;
  }

  /** The socket failed to send, or heard that what it sent did not arrive. */
  onError(cause: NodeJS.ErrnoException): void {
    if (this.#closed !== undefined) return;
    this.#options.onError(cause);
    // Only a refused port is the other end's own word (RFC 1122 section 4.2.3.9).
    if (cause.code === 'ECONNREFUSED' || isPassing(cause)) return;
    this.#options.onSuspect();
    // Each packet fails so: once per examination is enough.
    if (!this.#examining && !this.#lost && this.#missingSinceMs === undefined) this.#network.look();
  }

  #onLook(): void {
    if (this.#lost || this.#closed !== undefined) return;
    const address = this.#address;
    if (address === undefined || this.#network.addresses.has(address)) {
      this.#missingSinceMs = undefined;
      if (this.#options.bind === undefined) void this.#checkRoute();
      return;
    }
    if (this.#missingSinceMs === undefined) this.#suspectInTurn();
    const sinceMs = this.#missingSinceMs ?? this.#options.scheduler.monotonic();
    this.#missingSinceMs = sinceMs;
    if (this.#examining) return;
    this.#examining = true;
    this.#network.inTurn(() => void this.#examine(address, sinceMs));
  }

  /** Packets leave by the socket's own address still, but perhaps by another network now. */
  async #checkRoute(): Promise<void> {
    const from = await this.#network.sourceTo(this.#options.relay);
    if (from === this.#routedFrom || from === 'unknown') return;
    this.#routedFrom = from;
    this.#suspectInTurn();
  }

  #suspectInTurn(): void {
    this.#network.inTurn(() => {
      if (!this.#lost && this.#closed === undefined) this.#options.onSuspect();
    });
  }

  /**
   * The address is gone. It may be back in a moment, as after a change of DHCP lease or a link that
   * flaps; so unless there is another way to the relay already, it gets some time.
   */
  async #examine(from: string, sinceMs: number): Promise<void> {
    const { bind: _, ...options } = this.#options;
    const other = await RelaySocket.open({
      ...options,
      onError: (cause) => this.onError(cause),
    }).catch(() => undefined);
    this.#examining = false;
    const to = other?.localAddress.address;
    const isOver = this.#closed !== undefined || this.#missingSinceMs === undefined;
    if (other === undefined || isOver || to === from) {
      await other?.close();
      const missingMs = this.#options.scheduler.monotonic() - sinceMs;
      if (!isOver && missingMs >= ADDRESS_GONE_MS) this.#lose({ from, to: undefined });
      return;
    }
    const former = this.#socket;
    this.#socket = other;
    void former.close();
    this.#lose({ from, to });
  }

  #lose(loss: AddressLoss): void {
    if (this.#lost) return;
    this.#lost = true;
    this.#options.onAddressLost(loss);
  }

  async #close(): Promise<void> {
    this.#endWatch();
    await this.#socket.close();
  }
}
