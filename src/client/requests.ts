import { formatAddress } from '../address.js';
import { TurnpikeError } from '../errors.js';
import { AttributeType } from '../stun/attribute-types.js';
import type { StunMessage } from '../stun/message.js';
import { MessageWriter } from '../stun/writer.js';
import type { RandomBytes } from '../units.js';
import type { Authenticator, ChallengeFault } from './authenticator.js';
import type { ConnectionGrant } from './grant.js';
import { aborted, rejection } from './rejection.js';
import { RoundTrip } from './retransmission.js';
import type { Scheduler } from './scheduler.js';
import { Transaction } from './transaction.js';

/** Why an answer was ignored, as if it had never been received. */
export type AnswerFault =
  | ChallengeFault
  | 'unknown-transaction'
  | 'wrong-method'
  | 'malformed-error'
  | 'unauthenticated';

export interface RequestOptions {
  readonly method: number;
  /** The method by name, for error messages. */
  readonly name: string;
  /** Adds the request's own attributes. */
  readonly write: (writer: MessageWriter) => void;
  /** The waits of one transaction, from the time that the operation has taken already. */
  readonly waitsMs: (rtoMs: number, elapsedMs: number) => readonly number[];
  /** Whether the relay answers at once, so that the answer tells the round trip. */
  readonly timed: boolean;
  readonly signal?: AbortSignal | undefined;
}

export interface RequestsOptions {
  readonly grant: ConnectionGrant;
  readonly authenticator: Authenticator;
  readonly scheduler: Scheduler;
  readonly random: RandomBytes;
  readonly transmit: (bytes: Uint8Array) => void;
}

/** Challenges that one request answers; a relay that goes on challenging has refused it. */
const CHALLENGES_MAX = 3;

/** RFC 8489 section 6.3.4 fails a transaction that has comprehension-required unknowns. */
const KNOWN_ATTRIBUTES: ReadonlySet<number> = new Set(Object.values(AttributeType));

/** Refusals by ICMP that fail a request: the second, because a lone one may be forged or stale. */
const REFUSALS_MAX = 2;

/**
 * The requests that one peer has under way: signs them, answers challenges, and believes only
 * answers whose transaction, method and integrity are right (RFC 8489 section 9.2.5).
 */
export class Requests {
  readonly #options: RequestsOptions;
  readonly #exchanges = new Map<string, Exchange>();
  readonly roundTrip = new RoundTrip();

  constructor(options: RequestsOptions) {
    this.#options = options;
  }

  /**
   * Sends a request until it is answered.
   * @returns the success response, its integrity verified
   * @throws TurnpikeError ERR_TURNPIKE_REJECTED with `stunCode`; ERR_TURNPIKE_RELAY_UNREACHABLE
   *   when no believable answer came; ERR_TURNPIKE_ABORTED; ERR_TURNPIKE_STUN for an answer with
   *   required attributes that we do not know
   */
  request(options: RequestOptions): Promise<StunMessage> {
    const { signal } = options;
    return new Promise((resolve, reject) => {
      if (signal?.aborted) {
        reject(aborted(signal));
        return;
      }
      const exchange = new Exchange(this.#options, options, this.roundTrip, {
        started: (id) => this.#exchanges.set(id, exchange),
        ended: (id) => this.#exchanges.delete(id),
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

  /** Takes a response off the network. @returns why it was ignored, undefined when it counted. */
  receive(message: StunMessage): AnswerFault | undefined {
    const exchange = this.#exchanges.get(hex(message.transactionId));
    return exchange === undefined ? 'unknown-transaction' : exchange.receive(message);
  }

  /** The network says that nothing listens at the relay's address. */
  refused(cause: unknown): void {
    for (const exchange of [...this.#exchanges.values()]) exchange.refused(cause);
  }

  /** Rejects everything under way. */
  failAll(error: TurnpikeError): void {
    for (const exchange of [...this.#exchanges.values()]) exchange.fail(error);
  }

  /** Sends one signed request and forgets it; nothing is sent before a challenge was accepted. */
  fireAndForget(method: number, write: (writer: MessageWriter) => void): void {
    const writer = new MessageWriter('request', method, this.#options.random(12));
    write(writer);
    if (this.#options.authenticator.sign(writer)) this.#options.transmit(writer.finish());
  }
}

interface ExchangeObserver {
  readonly started: (id: string) => void;
  readonly ended: (id: string) => void;
  readonly settled: (outcome: StunMessage | TurnpikeError) => void;
}

/** One request and its answer, over as many transactions as the relay's challenges make it. */
class Exchange {
  readonly #shared: RequestsOptions;
  readonly #request: RequestOptions;
  readonly #roundTrip: RoundTrip;
  readonly #observer: ExchangeObserver;
  readonly #startedAtMs: number;
  readonly #ignored = new Map<string, number>();
  #transaction: Transaction | undefined;
  #id = '';
  #signed = false;
  #challenges = 0;
  #refusals = 0;

  constructor(
    shared: RequestsOptions,
    request: RequestOptions,
    roundTrip: RoundTrip,
    observer: ExchangeObserver,
  ) {
    this.#shared = shared;
    this.#request = request;
    this.#roundTrip = roundTrip;
    this.#observer = observer;
    this.#startedAtMs = shared.scheduler.monotonic();
  }

  start(): void {
    const { authenticator, random, scheduler, transmit } = this.#shared;
    const transactionId = random(12);
    const writer = new MessageWriter('request', this.#request.method, transactionId);
    this.#request.write(writer);
    this.#signed = authenticator.sign(writer);
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

  receive(message: StunMessage): AnswerFault | undefined {
    const fault = this.#judge(message);
    if (fault !== undefined) this.#noteIgnored(message, fault);
    return fault;
  }

  fail(error: TurnpikeError): void {
    this.#end();
    this.#observer.settled(error);
  }

  refused(cause: unknown): void {
    this.#refusals += 1;
    if (this.#refusals < REFUSALS_MAX) return;
    const relay = formatAddress(this.#shared.grant.relay);
    this.fail(
      new TurnpikeError('ERR_TURNPIKE_RELAY_UNREACHABLE', `nothing listens at relay ${relay}`, {
        cause,
        errno: 'ECONNREFUSED',
        address: relay,
      }),
    );
  }

  #judge(message: StunMessage): AnswerFault | undefined {
    if (message.method !== this.#request.method) return 'wrong-method';
    const code = codeOf(message);
    if (code === undefined && message.messageClass === 'error') return 'malformed-error';
    if (code === 401 || code === 438) return this.#challenged(message, code);
    if (this.#signed ? !this.#shared.authenticator.verify(message) : !isPlainRefusal(code)) {
      return 'unauthenticated';
    }
    this.#settle(message);
    return undefined;
  }

  #challenged(message: StunMessage, code: number): ChallengeFault | undefined {
    // A 401 to credentials that answered a fresh nonce is about the credentials themselves
    // (RFC 8489 section 9.2.5); with a nonce from earlier it may be about the nonce.
    const answeredFreshNonce = this.#signed && this.#challenges > 0;
    if ((code === 401 && answeredFreshNonce) || this.#challenges === CHALLENGES_MAX) {
      this.fail(rejection(this.#request.name, message, this.#shared.grant));
      return undefined;
    }
    const fault = this.#shared.authenticator.accept(message);
    if (fault !== undefined) return fault;
    this.#challenges += 1;
    this.#measure();
    this.#end();
    this.start();
    return undefined;
  }

  #settle(message: StunMessage): void {
    this.#measure();
    const { name } = this.#request;
    const unknown = message.unknownRequired(KNOWN_ATTRIBUTES);
    if (unknown.length > 0) {
      const types = unknown.map((type) => `0x${type.toString(16).padStart(4, '0')}`).join(', ');
      const text = `the answer to ${name} needs attributes that are unknown here: ${types}`;
      this.fail(new TurnpikeError('ERR_TURNPIKE_STUN', text));
    } else if (message.messageClass === 'error') {
      this.fail(rejection(name, message, this.#shared.grant));
    } else {
      this.#end();
      this.#observer.settled(message);
    }
  }

  #measure(): void {
    const transaction = this.#transaction;
    if (!this.#request.timed || transaction?.transmissions !== 1) return;
    this.#roundTrip.sample(transaction.elapsedMs);
  }

  #end(): void {
    this.#transaction?.stop();
    this.#observer.ended(this.#id);
  }

  #noteIgnored(message: StunMessage, fault: AnswerFault): void {
    const code = codeOf(message);
    const what = `${fault}${code === undefined ? '' : ` ${code}`}`;
    this.#ignored.set(what, (this.#ignored.get(what) ?? 0) + 1);
  }

  #timeout(): TurnpikeError {
    const relay = formatAddress(this.#shared.grant.relay);
    const seen = [...this.#ignored].map(([what, count]) => `${count} × ${what}`).join(', ');
    // RFC 8489 section 9.2.5: when every answer was discarded, say so instead of a mere timeout.
    const hint = seen === '' ? '' : `; answers that could not be trusted were ignored: ${seen}`;
    return new TurnpikeError(
      'ERR_TURNPIKE_RELAY_UNREACHABLE',
      `relay ${relay} did not answer ${this.#request.name}${hint}`,
      { address: relay },
    );
  }
}

function codeOf(message: StunMessage): number | undefined {
  return message.messageClass === 'error' ? message.errorCode()?.code : undefined;
}

/** The refusals that a relay can only send without integrity: the request had none either. */
function isPlainRefusal(code: number | undefined): boolean {
  return code === 400 || code === 420;
}

function hex(bytes: Uint8Array): string {
  return Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength).toString('hex');
}
