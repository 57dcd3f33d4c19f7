import type { TransportAddress } from '../address.js';
import { ClientCredentials } from '../auth/client-credentials.js';
import { TurnpikeError } from '../errors.js';
import { AttributeType } from '../stun/attribute-types.js';
import { ErrorCode } from '../stun/error-codes.js';
import type { IntegrityKind } from '../stun/integrity.js';
import type { StunMessage } from '../stun/message.js';
import { Method } from '../stun/methods.js';
import { ClosedIndications } from './closed-indications.js';
import type { ConnectionOptions, MessageFault } from './connection-options.js';
import { type ConnectionState, checkTransition, isHeld } from './connection-state.js';
import { LegLiveness } from './leg-liveness.js';
import { keepalive, LegRequests } from './leg-requests.js';
import {
  closedHere,
  legUnknown,
  notConnected,
  relayUnresponsive,
  unusable,
} from './peer-errors.js';
import { Requests } from './requests.js';

/**
 * The peer's half of one connection (PROTOCOL.md section 2): the state machine over Allocate,
 * Connect, Refresh and Closed, and the timers that keep the leg alive. It owns no socket.
 */
export class Connection {
  readonly #options: ConnectionOptions;
  readonly #requests: Requests;
  readonly #legRequests: LegRequests;
  readonly #liveness: LegLiveness;
  readonly #closedIndications: ClosedIndications;
  #state: ConnectionState = 'opening';
  #channel: number | undefined;
  #mappedAddress: TransportAddress | undefined;
  #refreshing = false;
  #closing: Promise<void> | undefined;
  #closeReason: TurnpikeError | undefined;

  constructor(options: ConnectionOptions) {
    const { grant, integrity, scheduler, random } = options;
    const { username, password } = grant;
    this.#options = options;
    this.#requests = new Requests({
      grant,
      credentials: new ClientCredentials({ username, password, integrity }),
      scheduler,
      random,
      transmit: (bytes) => this.#transmit(bytes),
    });
    this.#closedIndications = new ClosedIndications(this.#requests, grant, scheduler);
    this.#legRequests = new LegRequests(grant, options);
    this.#liveness = new LegLiveness({
      scheduler,
      random,
      state: () => this.#state,
      ask: (signal) => this.#requests.request(this.#legRequests.livenessCheck(), signal),
      rtoMs: () => this.#requests.roundTrip.rtoMs,
      onRefreshDue: () => void this.#refresh(),
      onSignDue: () => this.#transmit(keepalive(random(12))),
      onResponsive: (responsive) => options.onResponsive(responsive),
      onAnswered: (response) => this.#refreshed(response),
      onFailed: (error) => this.#livenessFailed(error as TurnpikeError | undefined),
    });
  }

  get state() {
    return this.#state;
  }

  /** The channel that the relay chose; undefined before `established`. */
  get channel(): number | undefined {
    return this.#channel;
  }

  /** The NAT's address and port for this peer; undefined before `allocated`. */
  get mappedAddress(): TransportAddress | undefined {
    return this.#mappedAddress;
  }

  /** Smoothed round trip to the relay, milliseconds. */
  get relayRttMs(): number | undefined {
    return this.#requests.roundTrip.smoothedMs;
  }

  /** The integrity in use; undefined before the relay's challenge. */
  get integrity(): IntegrityKind | undefined {
    return this.#requests.integrity;
  }

  /** False while the relay leaves a question unanswered: what is sent may arrive nowhere. */
  get responsive(): boolean {
    return this.#liveness.responsive;
  }

  /**
   * Reserves the leg.
   * @returns the NAT's address and port
   * @throws as `Requests.request`; the caller then calls `abandon`
   */
  async allocate(signal?: AbortSignal): Promise<TransportAddress> {
    const answer = await this.#requests.request(this.#legRequests.allocate(), signal);
    const mapped = answer.address(AttributeType.XorMappedAddress);
    if (mapped === undefined) throw unusable('Allocate', 'XOR-MAPPED-ADDRESS');
    this.#mappedAddress = mapped;
    this.#enter('allocated');
    this.#liveness.timers.start();
    this.#liveness.timers.refreshReserved();
    return mapped;
  }

  /**
   * Connects the leg to the other peer's. After 403, 447, a timeout or an abort the leg is reserved
   * again and `connect` may be called again; any other failure closes the connection.
   * @param peerAddress - the other peer's NAT address
   * @throws TurnpikeError as `Requests.request`, and ERR_TURNPIKE_TIMEOUT when the relay said
   *   nothing for 30 s; ERR_TURNPIKE_CONFIG when not in state `allocated`
   */
  async connect(peerAddress: TransportAddress, signal?: AbortSignal): Promise<void> {
    if (this.#state === 'closed' || this.#state === 'closing') throw closedHere();
    if (this.#state !== 'allocated') {
      throw new TurnpikeError('ERR_TURNPIKE_CONFIG', `connect() while ${this.#state}`);
    }
    this.#enter('connecting');
    this.#liveness.timers.refreshConnecting();
    try {
      const request = this.#legRequests.connect(peerAddress);
      this.#established(await this.#requests.request(request, signal));
    } catch (error) {
      throw this.#connectFailed(error as TurnpikeError, peerAddress);
    }
  }

  /** Call it for each datagram of data sent. */
  noteSent(): void {
    this.#liveness.noteDataSent();
  }

  /** Counts as a sign of the relay's life: call it for each datagram of data received. */
  noteReceived(): void {
    this.#liveness.noteDataReceived();
  }

  /** Takes a STUN message from the relay's address. @returns why it was ignored, if it was. */
  receive(message: StunMessage): MessageFault | undefined {
    if (this.#state === 'closed') return 'unexpected-message';
    if (message.messageClass === 'success' || message.messageClass === 'error') {
      const fault = this.#requests.receive(message);
      if (fault === undefined) this.#liveness.noteAnswered();
      return fault;
    }
    // RFC 8489 section 6.3: no request is answered; two responders would loop (CVE-2024-2169).
    if (message.messageClass !== 'indication') return 'unexpected-message';
    if (message.method === Method.Closed) return this.#receiveClosed(message);
    if (message.method !== Method.Binding || this.#state !== 'established') {
      return 'unexpected-message';
    }
    this.#liveness.noteReminder();
    return undefined;
  }

  /** The network reports that nothing listens at the relay's address (ICMP): asks the relay. */
  refused(cause: NodeJS.ErrnoException): void {
    this.#liveness.noteSendError(cause);
    this.#requests.refused(cause);
    this.#liveness.check();
  }

  /** A datagram could not be sent, for a reason that may pass. */
  sendFailed(cause: NodeJS.ErrnoException): void {
    this.#liveness.noteSendError(cause);
  }

  /** The path or the NAT may have changed: asks the relay whether it has the leg. */
  suspect(): void {
    this.#liveness.check();
  }

  /**
   * Closes the connection at the relay and waits at most 2 s for its answer. Idempotent; resolves
   * when the state is `closed`. Never rejects.
   * @param reason - what `onClosed` is told; nothing when the application just wants to end
   */
  close(reason?: TurnpikeError): Promise<void> {
    if (this.#closing === undefined) {
      this.#closeReason = reason;
      this.#closing = this.#close();
    }
    return this.#closing;
  }

  /** Ends at once, with a single Refresh of LIFETIME 0 that nobody waits for. Idempotent. */
  abandon(reason?: TurnpikeError): void {
    if (this.#state === 'closed') return;
    this.#requests.fireAndForget(this.#legRequests.close());
    this.#end(reason);
  }

  #established(answer: StunMessage): void {
    const channel = answer.channelNumber();
    if (channel === undefined) throw unusable('Connect', 'CHANNEL-NUMBER');
    this.#channel = channel;
    this.#enter('established');
    this.#refreshed(answer);
  }

  #connectFailed(error: TurnpikeError, peerAddress: TransportAddress): TurnpikeError {
    if (this.#state !== 'connecting') return error;
    const silent = error.code === 'ERR_TURNPIKE_RELAY_UNREACHABLE';
    const retriable =
      silent ||
      error.code === 'ERR_TURNPIKE_ABORTED' ||
      error.stunCode === ErrorCode.Forbidden ||
      error.stunCode === ErrorCode.ConnectionTimeoutOrFailure;
    if (!retriable) {
      this.#end(error);
      return error;
    }
    this.#enter('allocated');
    this.#scheduleRefresh(undefined);
    return silent ? notConnected(peerAddress, error) : error;
  }

  #receiveClosed(message: StunMessage): MessageFault | undefined {
    const report = this.#closedIndications.read(message);
    if (report.type === 'other-connection') return 'unexpected-message';
    if (report.type === 'end') {
      // During our own close this only confirms that the relay has freed the leg.
      this.#end(this.#state === 'closing' ? this.#closeReason : report.reason);
      return undefined;
    }
    const isOfData = message.attributes.length === 0;
    if (report.type === 'hint' && !(isOfData && this.#state !== 'established'))
      this.#liveness.check();
    return 'unauthenticated-closed';
  }

  #scheduleRefresh(grantedSeconds: number | undefined): void {
    if (this.#state === 'allocated') this.#liveness.timers.refreshReserved();
    else this.#liveness.timers.refreshWithin(grantedSeconds ?? this.#options.lifetimeSeconds);
  }

  async #refresh(): Promise<void> {
    if (this.#refreshing || this.#closing !== undefined || this.#state === 'closed') return;
    if (this.#state !== 'established') {
      if (this.#state === 'connecting') this.#liveness.timers.refreshConnecting();
      this.#liveness.check();
      return;
    }
    this.#refreshing = true;
    try {
      const answer = await this.#requests.request(this.#legRequests.refresh());
      this.#refreshed(answer);
    } catch (error) {
      this.#refreshFailed(error as TurnpikeError);
    } finally {
      this.#refreshing = false;
    }
  }

  /** A Connect or Refresh succeeded. */
  #refreshed(answer: StunMessage): void {
    if (this.#state !== 'allocated' && this.#state !== 'established') return;
    this.#scheduleRefresh(answer.lifetimeSeconds());
    const payloadBytes = answer.u32(AttributeType.RecommendedPayload);
    if (payloadBytes !== undefined) this.#options.onRecommendedPayload(payloadBytes);
  }

  #livenessFailed(error: TurnpikeError | undefined): void {
    if (this.#closing !== undefined || !isHeld(this.#state)) return;
    if (error !== undefined) this.#refreshFailed(error);
    else this.abandon(this.#closedIndications.hintedReason ?? this.#unresponsive());
  }

  #unresponsive(): TurnpikeError {
    const { patienceMs, sendError } = this.#liveness;
    return relayUnresponsive(this.#options.grant, patienceMs, sendError);
  }

  #refreshFailed(error: TurnpikeError): void {
    if (this.#closing !== undefined || this.#state === 'closed') return;
    if (error.stunCode !== ErrorCode.AllocationMismatch) {
      this.#end(error);
      return;
    }
    if (this.#state !== 'established') {
      this.#end(this.#legGone(error));
      return;
    }
    this.#closing = this.#closeFormer(error);
  }

  /**
   * A NAT on the way may have given us another port: the relay then still holds the leg for the
   * old one, and the other peer would talk into nothing until its lifetime ends. A close counts
   * from any port, and its answer tells whether it was so.
   */
  async #closeFormer(refusal: TurnpikeError): Promise<void> {
    this.#enter('closing');
    this.#liveness.stop();
    this.#closeReason = this.#legGone(refusal);
    const wasBound = await this.#requests.request(this.#legRequests.closeFormer()).then(
      () => true,
      () => false,
    );
    this.#end(wasBound ? legUnknown(this.#options.grant, true, refusal) : this.#closeReason);
  }

  #legGone(refusal: TurnpikeError): TurnpikeError {
    return this.#closedIndications.hintedReason ?? legUnknown(this.#options.grant, false, refusal);
  }

  async #close(): Promise<void> {
    if (this.#state === 'closed') return;
    if (this.#state === 'opening') {
      this.abandon(this.#closeReason);
      return;
    }
    this.#enter('closing');
    this.#liveness.stop();
    this.#requests.failAll(closedHere());
    try {
      await this.#requests.request(this.#legRequests.close());
    } catch {
      // The relay is away or has forgotten the leg: nothing is left to close.
    }
    this.#end(this.#closeReason);
  }

  /** The one way into `closed`. */
  #end(reason: TurnpikeError | undefined): void {
    if (this.#state === 'closed') return;
    this.#enter('closed');
    this.#liveness.stop();
    this.#requests.failAll(reason ?? closedHere());
    this.#options.onClosed(reason);
  }

  #enter(next: ConnectionState): void {
    checkTransition(this.#state, next);
    this.#state = next;
  }

  #transmit(bytes: Uint8Array): void {
    this.#liveness.noteSent();
    this.#options.transmit(bytes);
  }
}
