import { formatAddress } from '../address.js';
import { CHALLENGE_TOKEN_BYTES } from '../auth/challenge.js';
import {
  type ClientAuthenticator,
  isAuthentic,
  type Signature,
} from '../auth/client-authenticator.js';
import { TurnpikeError } from '../errors.js';
import type { RandomBytes } from '../random.js';
import { AttributeType } from '../stun/attribute-types.js';
import { ErrorCode } from '../stun/error-codes.js';
import type { IntegrityKind } from '../stun/integrity.js';
import type { StunMessage } from '../stun/message.js';
import { Method } from '../stun/methods.js';
import { MessageWriter } from '../stun/writer.js';
import type { ConnectionGrant } from './grant.js';
import { aborted, rejection } from './peer-errors.js';
import { RelayRoundTrip } from './request-waits.js';
import type { Scheduler } from './scheduler.js';
import { Transaction } from './transaction.js';

/** Maximum remembered transactions of Allocates and Connects, to match a Closed indication. */
export const OWN_REQUESTS_MAX = 64;

/** Why a response was discarded. */
export type ResponseFault =
  | 'unknown-transaction'
  | 'wrong-method'
  | 'malformed-error'
  | 'integrity'
  | 'bid-down'
  | 'malformed-challenge'
  | 'already-challenged'
  | 'unauthenticated-error';

/** A request: its content and retransmission. */
export interface RequestOptions {
  readonly method: number;
  /** The method by name, for error messages. */
  readonly name: string;
  /** Adds the request's own attributes. */
  readonly write: (writer: MessageWriter) => void;
  /**
   * Returns the waits of one transaction, ms. `elapsedMs`: time since the request's first
   * transaction.
   */
  readonly waitsMs: (rtoMs: number, elapsedMs: number) => readonly number[];
  /** Whether the relay answers at once, so that the response measures the round trip. */
  readonly timed: boolean;
  /** Called when the relay has answered with success. */
  readonly answered?: () => void;
}

/** How a `timed` request, or the challenged attempt of one, ended. */
export interface RequestOutcome {
  readonly isAnswered: boolean;
  readonly transmissions: number;
  /** Time since the first transmission, ms. */
  readonly elapsedMs: number;
  /** Time since the last transmission, ms. */
  readonly sinceLastMs: number;
}

/** Dependencies of `Requests`. */
export interface RequestsOptions {
  readonly grant: ConnectionGrant;
  readonly credentials: ClientAuthenticator;
  readonly scheduler: Scheduler;
  readonly random: RandomBytes;
  readonly transmit: (bytes: Uint8Array) => void;
  /** Called at the end of each `timed` request, and of each challenged attempt. */
  readonly onOutcome: (outcome: RequestOutcome) => void;
}

/**
 * Known attributes: others that are comprehension-required fail a transaction (RFC 8489 section
 * 6.3.4).
 */
const KNOWN_ATTRIBUTES: ReadonlySet<number> = new Set(Object.values(AttributeType));

/** Error codes that are accepted without integrity in response to an unsigned request. */
const PLAIN_REFUSALS: ReadonlySet<number> = new Set([
  ErrorCode.BadRequest,
  ErrorCode.UnknownAttribute,
]);

/**
 * The pending requests of one peer: signs them, answers challenges, and accepts only responses
 * whose transaction, method and integrity are right (RFC 8489 section 9.2.5).
 */
export class Requests {
  readonly #options: RequestsOptions;
  readonly #exchanges = new Map<string, Exchange>();
  #lastSignature: Signature | undefined;
  /** Transactions of Allocates and Connects, the newest last. */
  readonly #made = new Set<string>();
  readonly roundTrip = new RelayRoundTrip();

  constructor(options: RequestsOptions) {
    this.#options = options;
  }

  /**
   * Sends a request, with retransmissions, and waits for the response.
   * @returns the success response, with verified integrity
   * @throws TurnpikeError ERR_TURNPIKE_REJECTED with `stunCode`; ERR_TURNPIKE_RELAY_UNREACHABLE;
   *   ERR_TURNPIKE_STUN for unknown required attributes; ERR_TURNPIKE_ABORTED
   */
  request(options: RequestOptions, signal?: AbortSignal): Promise<StunMessage> {
    return new Promise((resolve, reject) => {
      if (signal?.aborted) {
        reject(aborted(signal));
        return;
      }
      const exchange = new Exchange(this.#options, options, this.roundTrip, {
        started: (id) => {
          this.#exchanges.set(id, exchange);
          if (options.method !== Method.Refresh) this.#remember(id);
        },
        ended: (id) => this.#exchanges.delete(id),
        signed: (signature) => {
          if (signature.proof !== undefined) this.#lastSignature = signature;
        },
        settled: (outcome) => {
          signal?.removeEventListener('abort', onAbort);
          if (outcome instanceof TurnpikeError) reject(outcome);
          else resolve(outcome);
        },
      });
      const onAbort = () => exchange.fail(aborted(signal as AbortSignal));
      signal?.addEventListener('abort', onAbort, { once: true });
      exchange.start();
    });
  }

  /** Takes a response. @returns why it was discarded; undefined if it was not */
  receive(message: StunMessage): ResponseFault | undefined {
    const exchange = this.#exchanges.get(hex(message.transactionId));
    return exchange === undefined ? 'unknown-transaction' : exchange.receive(message);
  }

  /** Integrity of the last signed request; undefined before the relay's challenge. */
  get integrity(): IntegrityKind | undefined {
    return this.#lastSignature?.proof?.kind;
  }

  /** Returns whether a transaction is one of the last OWN_REQUESTS_MAX Allocates and Connects. */
  hasMade(transactionId: Uint8Array): boolean {
    return this.#made.has(hex(transactionId));
  }

  #remember(id: string): void {
    this.#made.add(id);
    if (this.#made.size <= OWN_REQUESTS_MAX) return;
    const [oldest] = this.#made;
    this.#made.delete(oldest as string);
  }

  /** Returns whether an indication has integrity as in the last request (PROTOCOL.md section 2). */
  isAuthentic(indication: StunMessage): boolean {
    return this.#lastSignature !== undefined && isAuthentic(indication, this.#lastSignature);
  }

  /**
   * Notes ECONNREFUSED (ICMP port unreachable). It may be forged, so it only explains a timeout.
   */
  refused(cause: unknown): void {
    for (const exchange of [...this.#exchanges.values()]) exchange.refused(cause);
  }

  /** Rejects all pending requests. */
  failAll(error: TurnpikeError): void {
    for (const exchange of [...this.#exchanges.values()]) exchange.fail(error);
  }

  /** Sends one signed request without waiting; sends nothing before the first challenge. */
  fireAndForget(options: RequestOptions): void {
    const writer = new MessageWriter('request', options.method, this.#options.random(12));
    options.write(writer);
    const { proof } = this.#options.credentials.sign(writer);
    if (proof !== undefined) this.#options.transmit(writer.finish());
  }
}

interface ExchangeObserver {
  readonly started: (id: string) => void;
  readonly ended: (id: string) => void;
  readonly signed: (signature: Signature) => void;
  readonly settled: (outcome: StunMessage | TurnpikeError) => void;
}

/** One request and its response, over the transactions that the relay's challenges require. */
class Exchange {
  readonly #shared: RequestsOptions;
  readonly #request: RequestOptions;
  readonly #roundTrip: RelayRoundTrip;
  readonly #observer: ExchangeObserver;
  readonly #startedAtMs: number;
  readonly #ignored = new Map<string, number>();
  #transaction: Transaction | undefined;
  #id = '';
  #signature: Signature | undefined;
  #refusal: unknown;

  constructor(
    shared: RequestsOptions,
    request: RequestOptions,
    roundTrip: RelayRoundTrip,
    observer: ExchangeObserver,
  ) {
    this.#shared = shared;
    this.#request = request;
    this.#roundTrip = roundTrip;
    this.#observer = observer;
    this.#startedAtMs = shared.scheduler.monotonic();
  }

  start(): void {
    const { credentials, random, scheduler, transmit } = this.#shared;
    const transactionId = random(12);
    const writer = new MessageWriter('request', this.#request.method, transactionId);
    this.#request.write(writer);
    this.#signature = credentials.sign(writer, this.#signature);
    // A relay always answers a request that is as long as its challenge (no amplification).
    if (this.#signature.proof === undefined) writer.paddedTo(CHALLENGE_TOKEN_BYTES);
    this.#observer.signed(this.#signature);
    this.#id = hex(transactionId);
    this.#observer.started(this.#id);
    const elapsedMs = scheduler.monotonic() - this.#startedAtMs;
    this.#transaction = new Transaction({
      bytes: writer.finish(),
      waitsMs: this.#request.waitsMs(this.#roundTrip.rtoMs, elapsedMs),
      transmit,
      scheduler,
      onTimeout: () => this.fail(this.#timeout()),
    });
  }

  receive(message: StunMessage): ResponseFault | undefined {
    const fault = this.#judge(message);
    if (fault !== undefined) this.#noteIgnored(message, fault);
    return fault;
  }

  fail(error: TurnpikeError): void {
    this.#noteOutcome(false);
    this.#end();
    this.#observer.settled(error);
  }

  refused(cause: unknown): void {
    this.#refusal ??= cause;
  }

  #judge(message: StunMessage): ResponseFault | undefined {
    if (message.method !== this.#request.method) return 'wrong-method';
    if (message.messageClass === 'error' && message.errorCode() === undefined) {
      return 'malformed-error';
    }
    const signature = this.#signature as Signature;
    const verdict = this.#shared.credentials.check(message, signature);
    switch (verdict.type) {
      case 'ignored':
        return verdict.why;
      case 'retry':
        this.#refusal = undefined;
        this.#measure();
        this.#end();
        this.start();
        return undefined;
      case 'rejected':
        // A relay sends no other errors before authentication (PROTOCOL.md section 2).
        if (verdict.why === 'error' && !PLAIN_REFUSALS.has(verdict.code)) {
          return 'unauthenticated-error';
        }
        this.#reject(rejection(this.#request.name, message, this.#shared.grant));
        return undefined;
      case 'authentic':
        this.#settle(message);
        return undefined;
    }
  }

  #settle(message: StunMessage): void {
    this.#measure();
    const { name } = this.#request;
    const unknown = message.unknownRequired(KNOWN_ATTRIBUTES);
    if (unknown.length > 0) {
      const types = unknown.map((type) => `0x${type.toString(16).padStart(4, '0')}`).join(', ');
      const text = `the answer to ${name} needs attributes that are unknown here: ${types}`;
      this.#reject(new TurnpikeError('ERR_TURNPIKE_STUN', text));
    } else if (message.messageClass === 'error') {
      this.#reject(rejection(name, message, this.#shared.grant));
    } else {
      this.#end();
      this.#request.answered?.();
      this.#observer.settled(message);
    }
  }

  /** Ends the request by an answer of the relay. */
  #reject(error: TurnpikeError): void {
    this.#end();
    this.#observer.settled(error);
  }

  #measure(): void {
    this.#noteOutcome(true);
    const transaction = this.#transaction;
    if (!this.#request.timed || transaction?.transmissions !== 1) return;
    this.#roundTrip.add(transaction.elapsedMs);
  }

  #noteOutcome(isAnswered: boolean): void {
    const transaction = this.#transaction;
    if (!this.#request.timed || transaction === undefined) return;
    const { transmissions, elapsedMs, sinceLastMs } = transaction;
    this.#shared.onOutcome({ isAnswered, transmissions, elapsedMs, sinceLastMs });
  }

  #end(): void {
    this.#transaction?.stop();
    this.#observer.ended(this.#id);
  }

  #noteIgnored(message: StunMessage, fault: ResponseFault): void {
    const code = message.messageClass === 'error' ? message.errorCode()?.code : undefined;
    const what = `${fault}${code === undefined ? '' : ` ${code}`}`;
    this.#ignored.set(what, (this.#ignored.get(what) ?? 0) + 1);
  }

  #timeout(): TurnpikeError {
    const relay = formatAddress(this.#shared.grant.relay);
    if (this.#refusal !== undefined) {
      const text = `nothing listens at relay ${relay}: the network says so, and no answer came`;
      return new TurnpikeError('ERR_TURNPIKE_RELAY_UNREACHABLE', text, {
        reason: 'relay-unresponsive',
        cause: this.#refusal,
        errno: 'ECONNREFUSED',
        address: relay,
      });
    }
    const seen = [...this.#ignored].map(([what, count]) => `${count} × ${what}`).join(', ');
    // RFC 8489 section 9.2.5: report that all responses were discarded, not only a timeout.
    const hint = seen === '' ? '' : `; answers that could not be trusted were ignored: ${seen}`;
    return new TurnpikeError(
      'ERR_TURNPIKE_RELAY_UNREACHABLE',
      `relay ${relay} did not answer ${this.#request.name} over UDP${hint}`,
      { reason: 'relay-unresponsive', address: relay },
    );
  }
}

function hex(bytes: Uint8Array): string {
  return Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength).toString('hex');
}
