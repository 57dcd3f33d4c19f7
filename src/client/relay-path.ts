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

/** The loss of this host's address, and what replaces it. */
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
  /** The path may have changed: the relay may not hear this peer any more. */
  readonly onSuspect: () => void;
  /** The socket's own address is gone. What is sent from now on leaves by another, if any. */
  readonly onAddressLost: (loss: AddressLoss) => void;
}

/**
 * The path to one relay: a connected socket, and a watch on whether the host still has the socket's
 * local address. A connected socket keeps its address: once the host has lost it, sends fail
 * (EADDRNOTAVAIL, ENETUNREACH) or vanish, so the close of the leg needs another socket.
 */
export class RelayPath {
  readonly #options: RelayPathOptions;
  readonly #network: NetworkWatch;
  #socket: RelaySocket;
  #endWatch: Cancel;
  /** The socket's address, if the host lists it among its own; only such an address can be lost. */
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
    // A refused port says nothing of the path (RFC 1122 section 4.2.3.9).
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

  /** The address is there, but the route may leave by another network now. */
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
