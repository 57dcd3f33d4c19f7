import type { TransportAddress } from '../address.js';
import { ClientAuthenticator } from '../auth/client-authenticator.js';
import { TurnpikeError } from '../errors.js';
import { AttributeType } from '../stun/attribute-types.js';
import { ErrorCode } from '../stun/error-codes.js';
import type { IntegrityKind } from '../stun/integrity.js';
import { LEG_LIMITS } from '../stun/leg-limits.js';
import type { StunMessage } from '../stun/message.js';
import { Method } from '../stun/methods.js';
import { ClosedIndications } from './closed-indications.js';
import type { ConnectionOptions, MessageFault } from './connection-options.js';
import { type ConnectionState, checkTransition, isHeld } from './connection-state.js';
import { LegLiveness } from './leg-liveness.js';
import { LegMeasurement } from './leg-measurement.js';
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
 * A peer's half of one connection (PROTOCOL.md section 2): the state machine over Allocate,
 * Connect, Refresh and Closed, and the timers that keep the leg alive. It has no socket.
 */
export class Connection {
  readonly #options: ConnectionOptions;
  readonly #requests: Requests;
  readonly #legRequests: LegRequests;
  readonly #liveness: LegLiveness;
  readonly #measurement: LegMeasurement;
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
    const transmit = (bytes: Uint8Array) => this.#transmit(bytes);
    this.#measurement = new LegMeasurement({ scheduler, random, transmit });
    this.#requests = new Requests({
      grant,
      credentials: new ClientAuthenticator({ username, password, integrity }),
      scheduler,
      random,
      transmit,
      onOutcome: (outcome) => this.#measurement.noteRequest(outcome),
    });
    this.#closedIndications = new ClosedIndications(this.#requests, grant, scheduler);
    this.#legRequests = new LegRequests(grant, options, () => this.#measurement.report());
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

  /** The channel number; undefined before `established`. */
  get channel(): number | undefined {
    return this.#channel;
  }

  /** This peer's NAT address and port; undefined before `allocated`. */
  get mappedAddress(): TransportAddress | undefined {
    return this.#mappedAddress;
  }

  /** Smoothed round trip to the relay, ms; undefined before a measurement. */
  get relayRttMs(): number | undefined {
    return this.#requests.roundTrip.smoothedMs;
  }

  /** The integrity in use; undefined before the relay's challenge. */
  get integrity(): IntegrityKind | undefined {
    return this.#requests.integrity;
  }

  /** False while a response of the relay is overdue: datagrams may be lost. */
  get responsive(): boolean {
    return this.#liveness.responsive;
  }

  /**
   * Sends an Allocate and waits for the response.
   * @returns this peer's NAT address and port
   * @throws as `Requests.request`; the caller must call `abandon` then
   */
  async allocate(signal?: AbortSignal): Promise<TransportAddress> {
    const answer = await this.#requests.request(this.#legRequests.allocate(), signal);
    const mapped = answer.address(AttributeType.XorMappedAddress);
    if (mapped === undefined) throw unusable('Allocate', 'XOR-MAPPED-ADDRESS');
    this.#mappedAddress = mapped;
    this.#enter('allocated');
    this.#measurement.start();
    this.#liveness.timers.start();
    this.#liveness.timers.refreshReserved();
    return mapped;
  }

  /**
   * Connects the leg to the other peer's. After 403, 447, a timeout or an abort the leg is reserved
   * again and `connect` may be called again; any other failure closes the connection.
   * @param peerAddress - the other peer's NAT address
   * @throws TurnpikeError as `Requests.request`; ERR_TURNPIKE_TIMEOUT if the relay did not respond
   *   for 30 s; ERR_TURNPIKE_CONFIG if the state is not `allocated`
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

  /** Notes a data datagram that was sent. */
  noteSent(): void {
    this.#liveness.noteDataSent();
  }

  /** Notes a data datagram that was received: a sign of life of the relay. */
  noteReceived(): void {
    this.#liveness.noteDataReceived();
  }

  /** Takes a STUN message from the relay's address. @returns why it was ignored, if it was */
  receive(message: StunMessage): MessageFault | undefined {
    if (this.#state === 'closed') return 'unexpected-message';
    if (message.messageClass === 'success' || message.messageClass === 'error') {
      // It is no sign that the relay has the leg: anybody is answered a Binding.
      if (this.#measurement.receive(message)) return undefined;
      const fault = this.#requests.receive(message);
      if (fault === undefined) this.#liveness.noteAnswered();
      return fault;
    }
    // RFC 8489 section 6.3: requests are not answered; two responders would loop (CVE-2024-2169).
    if (message.messageClass !== 'indication') return 'unexpected-message';
    if (message.method === Method.Closed) return this.#receiveClosed(message);
    if (message.method !== Method.Binding || this.#state !== 'established') {
      return 'unexpected-message';
    }
    this.#liveness.noteReminder();
    return undefined;
  }

  /** Handles ECONNREFUSED (ICMP port unreachable) by asking the relay. */
  refused(cause: NodeJS.ErrnoException): void {
    this.#liveness.noteSendError(cause);
    this.#requests.refused(cause);
    this.#liveness.check();
  }

  /** Notes a failed send. */
  sendFailed(cause: NodeJS.ErrnoException): void {
    this.#liveness.noteSendError(cause);
  }

  /** Asks the relay whether it still has the leg, because the path or the NAT may have changed. */
  suspect(): void {
    this.#liveness.check();
  }

  /**
   * Closes the connection at the relay, and waits at most 2 s for its response. Resolves in state
   * `closed`; never rejects. May be called again.
   * @param reason - passed to `onClosed`; undefined if the application closes without one
   */
  close(reason?: TurnpikeError): Promise<void> {
    if (this.#closing === undefined) {
      this.#closeReason = reason;
      this.#closing = this.#close();
    }
    return this.#closing;
  }

  /** Closes at once, with a single Refresh of LIFETIME 0 without waiting. May be called again. */
  abandon(reason?: TurnpikeError): void {
    if (this.#state === 'closed') return;
    this.#requests.fireAndForget(this.#legRequests.close());
    this.#end(reason);
  }

  #established(answer: StunMessage): void {
    const channel = answer.channelNumber();
    if (channel === undefined || channel > LEG_LIMITS.channelMax) {
      throw unusable('Connect', 'CHANNEL-NUMBER');
    }
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
      // During `close` this only confirms that the relay has freed the leg.
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

  /** Takes the lifetime and recommended payload of a Connect or Refresh success. */
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
   * Closes the leg at the relay after a 437. If a NAT has changed this peer's port, the relay still
   * holds the leg for the former one, and the other peer would send in vain until it expires. A
   * close is accepted from any port, and its response tells whether that was the cause.
   */
  async #closeFormer(refusal: TurnpikeError): Promise<void> {
    this.#enter('closing');
    this.#stopTimers();
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
    this.#stopTimers();
    this.#requests.failAll(closedHere());
    try {
      await this.#requests.request(this.#legRequests.close());
    } catch {
      // The relay is away or has no such leg: there is nothing to close.
    }
    this.#end(this.#closeReason);
  }

  /** Enters `closed`; nothing else does. */
  #end(reason: TurnpikeError | undefined): void {
    if (this.#state === 'closed') return;
    this.#enter('closed');
    this.#stopTimers();
    this.#requests.failAll(reason ?? closedHere());
    this.#options.onClosed(reason);
  }

  #stopTimers(): void {
    this.#liveness.stop();
    this.#measurement.stop();
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
