import { randomBytes } from 'node:crypto';
import { EventEmitter } from 'node:events';
import { types } from 'node:util';
import type { Logger } from 'pino';
import { type AddressInput, formatAddress, type TransportAddress, toAddress } from '../address.js';
import { asTurnpikeError, TurnpikeError } from '../errors.js';
import { checkOptions, wrongArgument } from '../options/check.js';
import {
  decodeChannelData,
  encodeChannelData,
  PAYLOAD_BYTES_RECOMMENDED,
} from '../stun/channel-data.js';
import { decodeMessage } from '../stun/message.js';
import { Connection } from './connection.js';
import type { ConnectionState } from './connection-state.js';
import type { CallOptions } from './directory-client.js';
import type { ConnectionGrant } from './grant.js';
import {
  type JoinOptions,
  joinAgainAndAgain,
  joinRoom,
  type MeetOptions,
  meet,
  type ReconnectingJoinOptions,
  type ReconnectOptions,
} from './join.js';
import { type Measurement, type MeasureOptions, measure } from './measure.js';
import { MessageQueue } from './message-queue.js';
import { CALL_SPECS, JOIN_SPECS, MEET_SPECS, PEER_SPECS } from './option-specs.js';
import { aborted, addressChanged, closeReason } from './peer-errors.js';
import type { CheckedPeerOptions, IgnoredReason, PeerOptions, PeerStats } from './peer-options.js';
import { PAYLOAD_BYTES_MAX, PAYLOAD_BYTES_RECOMMENDED_MIN } from './peer-options.js';
import type { ReconnectingPeer } from './reconnecting-peer.js';
import { type AddressLoss, isPassing, RelayPath } from './relay-path.js';
import { Rendezvous } from './rendezvous.js';
import { systemScheduler } from './scheduler.js';

interface PeerEvents {
  /** A payload of the other peer. */
  message: [payload: Uint8Array];
  /** The end, once; without an error after `close` without a reason. */
  close: [error: TurnpikeError | undefined];
  /** A response of the relay is overdue: `relayResponsive` is false, data may be lost. */
  unresponsive: [];
  /** The relay is heard again. */
  responsive: [];
  /** `payloadBytesRecommended` has changed. */
  'recommended-payload': [payloadBytes: number];
  /** Node's own event (EventEmitter). */
  newListener: [event: string | symbol];
}

/**
 * One peer's end of a connection through two relays (PROTOCOL.md section 2), on a UDP socket of its
 * own. An open Peer keeps the process alive: call `close`.
 *
 * Payloads arrive as 'message' events. Without a listener they wait for async iteration, or for the
 * first listener, in a bounded queue; at its bound new ones are dropped and counted. As with UDP,
 * payloads may be lost, reordered and, rarely, duplicated. They are not encrypted here. Async
 * iteration ends when the peer is closed, and throws if it failed.
 */
export class Peer extends EventEmitter<PeerEvents> implements AsyncIterable<Uint8Array> {
  readonly grant: ConnectionGrant;
  /** Maximum payload of `send`, bytes. */
  readonly payloadBytesMax: number = PAYLOAD_BYTES_MAX;
  readonly #connection: Connection;
  readonly #queue: MessageQueue<Uint8Array>;
  readonly #logger: Logger | undefined;
  readonly #ignored = new Map<IgnoredReason, number>();
  #path: RelayPath | undefined;
  #peerAddress: TransportAddress | undefined;
  #payloadBytesRecommended: number = PAYLOAD_BYTES_RECOMMENDED;
  #packetsSent = 0;
  #packetsReceived = 0;
  #bytesSent = 0;
  #bytesReceived = 0;
  #sendDrops = 0;
  #sendErrors = 0;
  #receiveDrops = 0;

  private constructor(options: CheckedPeerOptions) {
    super();
    this.grant = options.grant;
    // A logger that is not pino's may not have `child`.
    const { connectionId } = options.grant;
    this.#logger = options.logger?.child?.({ connectionId }) ?? options.logger;
    this.#queue = new MessageQueue(options.receiveQueueMessagesMax);
    this.#connection = new Connection({
      grant: options.grant,
      integrity: options.integrity,
      openTimeoutMs: options.openTimeoutMs,
      lifetimeSeconds: options.lifetimeSeconds,
      scheduler: options.scheduler ?? systemScheduler,
      random: options.random ?? randomBytes,
      transmit: (datagram) => this.#path?.send(datagram),
      onClosed: (reason) => this.#closed(reason),
      onResponsive: (responsive) => this.emit(responsive ? 'responsive' : 'unresponsive'),
      onRecommendedPayload: (payloadBytes) => this.#recommended(payloadBytes),
    });
    this.on('newListener', (event) => {
      if (event === 'message') queueMicrotask(() => this.#deliverQueued());
    });
  }

  /**
   * Opens a socket and reserves the peer's half of a connection at its relay.
   * @returns a peer with its `mappedAddress`: send that to the other side, then call `connect`
   * @throws TurnpikeError as `checkOptions`; ERR_TURNPIKE_BIND; ERR_TURNPIKE_REJECTED with
   *   `stunCode`; ERR_TURNPIKE_RELAY_UNREACHABLE; ERR_TURNPIKE_STUN; ERR_TURNPIKE_ABORTED. Nothing
   *   stays open then.
   */
  static async open(options: PeerOptions): Promise<Peer> {
    try {
      const checked = checkOptions<PeerOptions, typeof PEER_SPECS>(
        'Peer.open',
        PEER_SPECS,
        options,
      );
      return await Peer.#open(checked as CheckedPeerOptions);
    } catch (error) {
      throw asTurnpikeError('Peer.open', error);
    }
  }

  static async #open(options: CheckedPeerOptions): Promise<Peer> {
    const { grant, signal } = options;
    if (signal?.aborted) throw aborted(signal);
    const peer = new Peer(options);
    peer.#path = await RelayPath.open({
      relay: grant.relay,
      scheduler: options.scheduler ?? systemScheduler,
      bind: options.bind,
      onDatagram: (datagram) => peer.#receive(datagram),
      onForeign: () => peer.#ignore('foreign-source'),
      onError: (cause) => peer.#sendFailed(cause),
      onSuspect: () => peer.#connection.suspect(),
      onAddressLost: (loss) => peer.#addressLost(loss),
    });
    try {
      await peer.#connection.allocate(signal);
    } catch (error) {
      peer.#connection.abandon(error as TurnpikeError);
      await peer.#path.close();
      throw error;
    }
    peer.#logger?.debug({ mappedAddress: formatAddress(peer.mappedAddress) }, 'allocated');
    return peer;
  }

  /**
   * Meets another peer in a rendezvous room of the directory and connects to it: rendezvous,
   * Allocate, exchange of addresses, Connect. The peer leaves the room when it is closed, and is
   * closed with ERR_TURNPIKE_CLOSED when the other side asks for a new connection. With `reconnect`
   * the returned peer repeats this after each loss.
   * @throws as `Rendezvous.open` and `Peer.meet`
   */
  static join(options: ReconnectingJoinOptions): Promise<ReconnectingPeer>;
  static join(options: JoinOptions): Promise<Peer>;
  static async join(
    options: JoinOptions | ReconnectingJoinOptions,
  ): Promise<Peer | ReconnectingPeer> {
    const open = (peerOptions: PeerOptions) => Peer.open(peerOptions);
    try {
      const checked = checkOptions<JoinOptions, typeof JOIN_SPECS>(
        'Peer.join',
        JOIN_SPECS,
        options,
      );
      const reconnect = checked.reconnect as boolean | ReconnectOptions | undefined;
      if (reconnect === undefined || reconnect === false) return await joinRoom(checked, open);
      return await joinAgainAndAgain({ ...checked, reconnect }, open);
    } catch (error) {
      throw asTurnpikeError('Peer.join', error);
    }
  }

  /**
   * As `Peer.join`, with a rendezvous of the caller, for repeated connections in one room.
   * @throws as `Rendezvous.next`, `Peer.open` and `connect`; only the rendezvous stays open then
   */
  static async meet(rendezvous: Rendezvous, options: MeetOptions = {}): Promise<Peer> {
    try {
      const checked = checkOptions<MeetOptions, typeof MEET_SPECS>(
        'Peer.meet',
        MEET_SPECS,
        options,
      );
      if (!Rendezvous.isOne(rendezvous))
        throw wrongArgument('Peer.meet', 'a Rendezvous', rendezvous);
      return await meet(rendezvous, checked, (peerOptions) => Peer.open(peerOptions));
    } catch (error) {
      throw asTurnpikeError('Peer.meet', error);
    }
  }

  /**
   * Measures the way to some relays by Binding requests, in 300 ms; an unreachable one is no error.
   * The directory names them, asked at most once a minute. A server that asks for its users hands
   * them `candidates` of `listCandidates`, and gives their `latencies` to the directory.
   * @returns round trips in ms by relay, and `latencies` for `PeerHints`: empty without an answer
   * @throws TurnpikeError as `checkOptions`; as `DirectoryClient` if the directory names no relays;
   *   ERR_TURNPIKE_ABORTED
   */
  static measure(options: MeasureOptions): Promise<Measurement> {
    return measure(options);
  }

  get state(): ConnectionState {
    return this.#connection.state;
  }

  /**
   * False while a response of the relay is overdue by about a second. `send` still sends, and some
   * data may arrive. After 5 s in all the peer is closed.
   */
  get relayResponsive(): boolean {
    return this.#connection.responsive;
  }

  /**
   * Largest payload that needs no fragmentation on the path, as far as the relay knows, bytes:
   * 1,424 until it sends another (event 'recommended-payload').
   */
  get payloadBytesRecommended(): number {
    return this.#payloadBytesRecommended;
  }

  /** The NAT address and port of this peer, as its relay observed them. */
  get mappedAddress(): TransportAddress {
    const { mappedAddress } = this.#connection;
    if (mappedAddress === undefined) throw new Error('impossible: open() resolved without it');
    return mappedAddress;
  }

  /** The other peer's address, as given to `connect`; undefined before. */
  get peerAddress(): TransportAddress | undefined {
    return this.#peerAddress;
  }

  /** The socket's own address. */
  get localAddress(): TransportAddress | undefined {
    return this.#path?.localAddress;
  }

  /**
   * Connects to the other peer; resolves when data can flow both ways. The other side must connect
   * within 30 s. The peer stays open after ERR_TURNPIKE_REJECTED with `stunCode` 403 (addresses do
   * not match) or 447 (the other side did not connect in time), ERR_TURNPIKE_TIMEOUT and
   * ERR_TURNPIKE_ABORTED: call `connect` again, or `close`. Any other failure closes it.
   * @param peerAddress - the other peer's `mappedAddress`, as text or as an object
   */
  async connect(peerAddress: AddressInput, options: CallOptions = {}): Promise<void> {
    const call = 'Peer#connect';
    const { signal } = checkOptions<CallOptions, typeof CALL_SPECS>(call, CALL_SPECS, options);
    this.#peerAddress = toAddress(peerAddress);
    await this.#connection.connect(this.#peerAddress, signal);
    this.#logger?.debug({ channel: this.#connection.channel }, 'established');
  }

  /**
   * Sends one payload. It is copied, so the caller may reuse the memory.
   * @returns false if it was dropped and counted in `sendDrops`: not established, closed, or
   *   SEND_QUEUE_DATAGRAMS_MAX datagrams are queued
   * @throws TurnpikeError ERR_TURNPIKE_PAYLOAD_TOO_LARGE beyond `payloadBytesMax`,
   *   ERR_TURNPIKE_CONFIG for anything but a Uint8Array
   */
  send(payload: Uint8Array): boolean {
    if (!types.isUint8Array(payload)) {
      throw wrongArgument('Peer#send', 'a Uint8Array, such as a Buffer', payload);
    }
    if (payload.length > this.payloadBytesMax) {
      throw new TurnpikeError(
        'ERR_TURNPIKE_PAYLOAD_TOO_LARGE',
        `a payload has at most ${this.payloadBytesMax} bytes, not ${payload.length}`,
      );
    }
    const { channel } = this.#connection;
    const sent =
      this.state === 'established' &&
      channel !== undefined &&
      this.#path?.send(encodeChannelData(channel, payload)) === true;
    if (!sent) {
      this.#sendDrops += 1;
      return false;
    }
    this.#connection.noteSent();
    this.#packetsSent += 1;
    this.#bytesSent += payload.length;
    return true;
  }

  /** Returns the counters of this connection. */
  stats(): PeerStats {
    return {
      packetsSent: this.#packetsSent,
      packetsReceived: this.#packetsReceived,
      bytesSent: this.#bytesSent,
      bytesReceived: this.#bytesReceived,
      sendDrops: this.#sendDrops,
      sendErrors: this.#sendErrors,
      receiveDrops: this.#receiveDrops,
      ignored: Object.fromEntries(this.#ignored),
      relayRttMs: this.#connection.relayRttMs,
      integrity: this.#connection.integrity,
    };
  }

  /**
   * Closes the connection at the relay, waits at most 2 s for its response, and closes the socket.
   * Never rejects. May be called again.
   * @param reason - reported by the 'close' event and async iteration. Any other value becomes the
   *   cause of an ERR_TURNPIKE_CLOSED
   */
  async close(reason?: TurnpikeError): Promise<void> {
    await this.#connection.close(reason === undefined ? undefined : closeReason(reason));
    await this.#path?.close();
  }

  /** Iterates over payloads that no 'message' listener took. */
  [Symbol.asyncIterator](): AsyncIterator<Uint8Array> {
    return this.#queue[Symbol.asyncIterator]();
  }

  /**
   * Demultiplexes by the first byte: 0x40 to 0x4F ChannelData, 0x00 to 0x3F STUN (RFC 8656 section
   * 12).
   */
  #receive(datagram: Buffer): void {
    const [first] = datagram;
    if (first === undefined) this.#ignore('empty');
    else if (first >= 0x40) this.#receiveData(datagram);
    else this.#receiveMessage(datagram);
  }

  #receiveData(datagram: Buffer): void {
    const data = decodeChannelData(datagram);
    if (data === undefined) {
      this.#ignore('malformed');
    } else if (data.channel !== this.#connection.channel || this.state !== 'established') {
      this.#ignore('unknown-channel');
    } else {
      this.#connection.noteReceived();
      this.#packetsReceived += 1;
      this.#bytesReceived += data.payload.length;
      this.#deliver(data.payload);
    }
  }

  #receiveMessage(datagram: Buffer): void {
    const decoded = decodeMessage(datagram);
    const fault = decoded.ok ? this.#connection.receive(decoded.message) : 'malformed';
    if (fault !== undefined) this.#ignore(fault);
  }

  #deliver(payload: Uint8Array): void {
    if (this.listenerCount('message') > 0) this.emit('message', payload);
    else if (!this.#queue.push(payload)) this.#receiveDrops += 1;
  }

  #deliverQueued(): void {
    for (const payload of this.#queue.drain()) this.#deliver(payload);
  }

  /**
   * Handles a failed send. Only ECONNREFUSED is a hard error (RFC 1122 section 4.2.3.9); routes
   * change.
   */
  #sendFailed(cause: NodeJS.ErrnoException): void {
    this.#sendErrors += 1;
    if (cause.code === 'ECONNREFUSED') this.#connection.refused(cause);
    else if (!isPassing(cause)) this.#connection.sendFailed(cause);
  }

  /** Closes the leg at the relay if there still is a route, so that the other peer is told. */
  #addressLost(loss: AddressLoss): void {
    const reason = addressChanged(this.grant, loss);
    if (loss.to === undefined) this.#connection.abandon(reason);
    else void this.#connection.close(reason);
  }

  /** Takes a recommended payload. Implausible ones are ignored: 0 would stop the application. */
  #recommended(payloadBytes: number): void {
    if (payloadBytes < PAYLOAD_BYTES_RECOMMENDED_MIN) return;
    const bytes = Math.min(payloadBytes, PAYLOAD_BYTES_MAX);
    if (bytes === this.#payloadBytesRecommended) return;
    this.#payloadBytesRecommended = bytes;
    this.emit('recommended-payload', bytes);
  }

  #ignore(reason: IgnoredReason): void {
    this.#ignored.set(reason, (this.#ignored.get(reason) ?? 0) + 1);
  }

  #closed(reason: TurnpikeError | undefined): void {
    this.#logger?.debug({ err: reason }, 'closed');
    this.#queue.end(reason);
    void this.#path?.close();
    this.emit('close', reason);
  }
}
