import { formatAddress, type TransportAddress } from '../address.js';
import { ClientCredentials, type IntegrityPreference } from '../auth/client-credentials.js';
import { isTurnpikeError, TurnpikeError } from '../errors.js';
import { LIMITS, RFC } from '../limits.js';
import { AttributeType } from '../stun/attribute-types.js';
import { ErrorCode } from '../stun/error-codes.js';
import type { IntegrityKind } from '../stun/integrity.js';
import type { StunMessage } from '../stun/message.js';
import { Method } from '../stun/methods.js';
import { MessageWriter } from '../stun/writer.js';
import type { RandomBytes } from '../units.js';
import type { ConnectionGrant } from './grant.js';
import { LegRequests } from './leg-requests.js';
import { closedByRelay, closedHere, unusable } from './rejection.js';
import { type AnswerFault, Requests } from './requests.js';
import type { Scheduler } from './scheduler.js';
import { Upkeep } from './upkeep.js';

/** The life of a peer's leg, as the peer knows it. */
export type ConnectionState =
  | 'opening'
  | 'allocated'
  | 'connecting'
  | 'established'
  | 'closing'
  | 'closed';

/** What may follow what; anything else is a bug of ours. */
const NEXT: Readonly<Record<ConnectionState, readonly ConnectionState[]>> = {
  opening: ['allocated', 'closed'],
  allocated: ['connecting', 'closing', 'closed'],
  connecting: ['established', 'allocated', 'closing', 'closed'],
  established: ['closing', 'closed'],
  closing: ['closed'],
  closed: [],
};

/** Why a STUN message from the relay's address was ignored. */
export type MessageFault = AnswerFault | 'unexpected-message' | 'unauthenticated-closed';

export interface ConnectionOptions {
  readonly grant: ConnectionGrant;
  readonly integrity: IntegrityPreference;
  /** LIFETIME to ask for, seconds. */
  readonly lifetimeSeconds: number;
  readonly scheduler: Scheduler;
  readonly random: RandomBytes;
  /** Sends one datagram to the relay. */
  readonly transmit: (bytes: Uint8Array) => void;
  /** Called once, when the state becomes `closed`: with the reason unless we closed it. */
  readonly onClosed: (reason: TurnpikeError | undefined) => void;
}

/**
 * The peer's half of one connection (PROTOCOL.md section 2): the state machine over Allocate,
 * Connect, Refresh and Closed, and the timers that keep the leg alive. It owns no socket.
 */
export class Connection {
  readonly #options: ConnectionOptions;
  readonly #requests: Requests;
  readonly #legRequests: LegRequests;
  readonly #upkeep: Upkeep;
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
    this.#legRequests = new LegRequests(grant, options.lifetimeSeconds);
    this.#upkeep = new Upkeep({
      scheduler,
      random,
      onRefresh: () => void this.#refresh(),
      onKeepalive: () => this.#sendKeepalive(),
    });
  }

  get state(): ConnectionState {
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
    this.#upkeep.start();
    this.#upkeep.refreshReserved();
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
    this.#upkeep.suspendRefresh();
    try {
      const request = this.#legRequests.connect(peerAddress);
      const answer = await this.#requests.request(request, signal);
      this.#established(answer);
    } catch (error) {
      throw this.#connectFailed(error as TurnpikeError, peerAddress);
    }
  }

  /** Counts as a sign that the peer is not silent: call it for each datagram of data sent. */
  noteSent(): void {
    this.#upkeep.noteSent();
  }

  /** Counts as a sign of the relay's life: call it for each datagram of data received. */
  noteReceived(): void {
    this.#upkeep.noteReceived();
  }

  /** Takes a STUN message from the relay's address. @returns why it was ignored, if it was. */
  receive(message: StunMessage): MessageFault | undefined {
    if (this.#state === 'closed') return 'unexpected-message';
    if (message.messageClass === 'success' || message.messageClass === 'error') {
      const fault = this.#requests.receive(message);
      if (fault === undefined) this.#upkeep.noteReceived();
      return fault;
    }
    // RFC 8489 section 6.3: nothing else is answered; two responders would loop (CVE-2024-2169).
    if (message.messageClass !== 'indication' || message.method !== Method.Closed) {
      return 'unexpected-message';
    }
    return this.#receiveClosed(message);
  }

  /** The network says that nothing listens at the relay's address: fail soon, after asking. */
  refused(cause: unknown): void {
    this.#requests.refused(cause);
    if (this.#state === 'established' || this.#state === 'allocated') void this.#refresh();
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
    if (channel === undefined || channel < RFC.channelMin || channel > RFC.channelMax) {
      throw unusable('Connect', 'CHANNEL-NUMBER');
    }
    this.#channel = channel;
    this.#enter('established');
    this.#scheduleRefresh(answer.lifetimeSeconds());
  }

  #connectFailed(error: TurnpikeError, peerAddress: TransportAddress): TurnpikeError {
    if (this.#state !== 'connecting') return error;
    const silent =
      isTurnpikeError(error, 'ERR_TURNPIKE_RELAY_UNREACHABLE') && error.errno === undefined;
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
    if (!silent) return error;
    const address = formatAddress(peerAddress);
    return new TurnpikeError(
      'ERR_TURNPIKE_TIMEOUT',
      `not connected to ${address} in ${LIMITS.connectMs / 1_000} s: ${error.message}`,
      { cause: error, address },
    );
  }

  #receiveClosed(message: StunMessage): MessageFault | undefined {
    if (!this.#requests.isAuthentic(message)) return 'unauthenticated-closed';
    const { grant } = this.#options;
    if (message.connectionIdentifier() !== grant.connectionId) return 'unexpected-message';
    const { code, reason } = message.errorCode() ?? {
      code: ErrorCode.AllocationMismatch,
      reason: '',
    };
    // While we are closing ourselves this says no more than that the relay is done with the leg.
    this.#end(this.#state === 'closing' ? this.#closeReason : closedByRelay(grant, code, reason));
    return undefined;
  }

  #scheduleRefresh(grantedSeconds: number | undefined): void {
    if (this.#state === 'allocated') this.#upkeep.refreshReserved();
    else this.#upkeep.refreshWithin(grantedSeconds ?? this.#options.lifetimeSeconds);
  }

  async #refresh(): Promise<void> {
    if (this.#refreshing || this.#closing !== undefined || this.#state === 'closed') return;
    this.#refreshing = true;
    try {
      const answer = await this.#requests.request(this.#legRequests.refresh());
      if (this.#state === 'allocated' || this.#state === 'established') {
        this.#scheduleRefresh(answer.lifetimeSeconds());
      }
    } catch (error) {
      this.#refreshFailed(error as TurnpikeError);
    } finally {
      this.#refreshing = false;
    }
  }

  #refreshFailed(error: TurnpikeError): void {
    if (this.#closing !== undefined || this.#state === 'closed') return;
    if (error.stunCode !== ErrorCode.AllocationMismatch) {
      this.#end(error);
      return;
    }
    const reason = closedByRelay(this.#options.grant, ErrorCode.AllocationMismatch, '', error);
    // A NAT on the way may have given us another port: the relay then still holds the leg for the
    // old one, and the other peer would talk into nothing until its lifetime ends. A close counts
    // from any port.
    if (this.#state === 'established') this.abandon(reason);
    else this.#end(reason);
  }

  async #close(): Promise<void> {
    if (this.#state === 'closed') return;
    if (this.#state === 'opening') {
      this.abandon(this.#closeReason);
      return;
    }
    this.#enter('closing');
    this.#upkeep.stop();
    this.#requests.failAll(closedHere());
    try {
      await this.#requests.request(this.#legRequests.close());
    } catch {
      // The relay is away or has forgotten the leg already: either way it is closed for us.
    }
    this.#end(this.#closeReason);
  }

  /** The one way into `closed`. */
  #end(reason: TurnpikeError | undefined): void {
    if (this.#state === 'closed') return;
    this.#enter('closed');
    this.#upkeep.stop();
    this.#requests.failAll(reason ?? closedHere());
    this.#options.onClosed(reason);
  }

  #enter(next: ConnectionState): void {
    if (!NEXT[this.#state].includes(next)) {
      throw new Error(`impossible: a connection goes from ${this.#state} to ${next}`);
    }
    this.#state = next;
  }

  /** An indication has no answer and needs no integrity (PROTOCOL.md section 2). */
  #sendKeepalive(): void {
    const transactionId = this.#options.random(12);
    this.#transmit(new MessageWriter('indication', Method.Binding, transactionId).finish());
  }

  #transmit(bytes: Uint8Array): void {
    this.#upkeep.noteSent();
    this.#options.transmit(bytes);
  }
}
