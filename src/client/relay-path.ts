import type { TransportAddress } from '../address.js';
import { type NetworkWatch, networkWatch } from './network-watch.js';
import { RelaySocket, type RelaySocketOptions } from './relay-socket.js';
import type { Cancel, Scheduler } from './scheduler.js';

/** Time without its local address after which a socket's address counts as lost. */
export const ADDRESS_GONE_MS = 3_000;

/** Errors of a send that only show a shortage of kernel resources, not a fault of the path. */
const PASSING_ERRORS: ReadonlySet<string | undefined> = new Set([
  'EAGAIN',
  'EINTR',
  'EMSGSIZE',
  'ENOBUFS',
  'ENOMEM',
]);

/** Returns whether a failed send does not indicate a fault of the path. */
export function isPassing({ code }: NodeJS.ErrnoException): boolean {
  return PASSING_ERRORS.has(code);
}

/** The loss of the socket's local address, and its replacement. */
export interface AddressLoss {
  readonly from: string;
  /** The source address of packets now; undefined without a route. */
  readonly to: string | undefined;
}

export interface RelayPathOptions extends Omit<RelaySocketOptions, 'onError'> {
  readonly scheduler: Scheduler;
  readonly network?: NetworkWatch | undefined;
  /** Called for every error of the socket, ECONNREFUSED included. */
  readonly onError: (cause: NodeJS.ErrnoException) => void;
  /** Called when the path may have changed, so that the relay may not hear this peer. */
  readonly onSuspect: () => void;
  /** Called when the local address is gone. Later datagrams leave from another one, if any. */
  readonly onAddressLost: (loss: AddressLoss) => void;
}

/**
 * The path to one relay: a connected socket, and a watch on its local address. A connected socket
 * keeps its address. Once the host has lost it, sends fail (EADDRNOTAVAIL, ENETUNREACH) or have no
 * effect, so the close of the leg needs another socket.
 */
export class RelayPath {
  readonly #options: RelayPathOptions;
  readonly #network: NetworkWatch;
  #socket: RelaySocket;
  #endWatch: Cancel;
  /** The socket's address if the host lists it; only such an address can be lost. */
  #address: string | undefined;
  #missingSinceMs: number | undefined;
  /** Source address of packets to the relay at the last check. */
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

  /** Closes the socket; resolves when it is closed. May be called again. */
  close(): Promise<void> {
    this.#closed ??= this.#close();
    return this.#closed;
  }

  /** Handles an error of a send, or an ICMP error. */
  onError(cause: NodeJS.ErrnoException): void {
    if (this.#closed !== undefined) return;
    this.#options.onError(cause);
    // A refused port does not indicate a fault of the path (RFC 1122 section 4.2.3.9).
    if (cause.code === 'ECONNREFUSED' || isPassing(cause)) return;
    this.#options.onSuspect();
    // Each packet fails then: one check at a time is enough.
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

  /** Detects a route that changed to another network, although the address is still there. */
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
   * Handles a missing address: moves to another socket if there is a route to the relay. Without
   * one the address gets ADDRESS_GONE_MS to return, as after a DHCP renewal or a link flap.
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
