import type { TransportAddress } from '../../../src/address.js';
import {
  AttributeType,
  PasswordAlgorithmNumber,
  UDP_PROTOCOL,
} from '../../../src/stun/attribute-types.js';
import {
  type IntegrityKind,
  longTermKey,
  userHash,
  verifyIntegrity,
} from '../../../src/stun/integrity.js';
import type { StunMessage } from '../../../src/stun/message.js';
import { Method } from '../../../src/stun/methods.js';
import { MessageWriter } from '../../../src/stun/writer.js';
import { PASSWORD, REALM, type TurnWorld, tupleOf } from './turn-world.js';

/** Adds the attributes of a request. */
export type Content = (writer: MessageWriter) => void;

/** How a request is made. */
export interface RequestOptions {
  readonly username?: string;
  readonly kind?: IntegrityKind;
  /** Default: a new one. */
  readonly transactionId?: Uint8Array;
  readonly fingerprint?: boolean;
  /** Default: a fresh one. */
  readonly nonce?: string;
  readonly realm?: string;
  /** Default: the password that every user has. */
  readonly password?: string;
  /** Default: the long-term key of the username and password. */
  readonly key?: Uint8Array;
  /** Sends USERHASH in place of USERNAME. */
  readonly isAnonymous?: boolean;
}

/** What a client sees of a success or an error. */
export interface Answer {
  readonly messageClass: StunMessage['messageClass'];
  /** The error code; undefined for a success. */
  readonly code: number | undefined;
  readonly message: StunMessage;
}

/** A client of standard TURN at one 5-tuple, which has a nonce already. */
export class TurnClient {
  readonly address: TransportAddress;
  readonly tuple: ReturnType<typeof tupleOf>;
  readonly username: string;
  readonly worker: number;
  readonly #world: TurnWorld;
  static #transactions = 0;

  constructor(
    world: TurnWorld,
    options: { ip?: string; port?: number; username?: string; worker?: number } = {},
  ) {
    this.#world = world;
    this.address = { address: options.ip ?? '192.0.2.1', port: options.port ?? 5_000 };
    this.tuple = tupleOf(this.address);
    this.username = options.username ?? 'alice';
    this.worker = options.worker ?? 1;
  }

  /** Returns a new transaction id. */
  static transactionId(): Uint8Array {
    TurnClient.#transactions += 1;
    const id = Buffer.alloc(12);
    id.writeUInt32BE(TurnClient.#transactions, 8);
    return id;
  }

  /** Sends a request, and returns the messages that arrive: usually one response. */
  async send(method: number, content: Content, options: RequestOptions = {}) {
    const { kind = 'sha1', username = this.username } = options;
    const transactionId = options.transactionId ?? TurnClient.transactionId();
    const writer = new MessageWriter('request', method, transactionId);
    content(writer);
    if (options.isAnonymous === true) {
      writer.bytes(AttributeType.UserHash, userHash(username, REALM.name));
    } else writer.text(AttributeType.Username, username);
    writer.text(AttributeType.Realm, options.realm ?? REALM.name);
    const { address } = this.address;
    writer.text(AttributeType.Nonce, options.nonce ?? this.#world.nonces.issue(address));
    if (kind === 'sha256') {
      writer.passwordAlgorithms(
        REALM.passwordAlgorithms.map((each) => PasswordAlgorithmNumber[each]),
      );
      writer.passwordAlgorithm(PasswordAlgorithmNumber.sha256);
    }
    writer.integrity(kind, this.#key(kind, username, options));
    if (options.fingerprint === true) writer.fingerprint();
    await this.#world.receive(writer.finish(), this.tuple, this.worker);
    return this.#world.takeFor(this.address);
  }

  /**
   * Sends a request and returns the one response.
   * @throws Error if there is not exactly one, or if it has not the integrity of the request
   */
  async ask(method: number, content: Content, options: RequestOptions = {}): Promise<Answer> {
    const messages = await this.send(method, content, options);
    return this.answerIn(messages, options);
  }

  /** Returns the only response among messages. @throws Error as `ask` */
  answerIn(messages: readonly StunMessage[], options: RequestOptions = {}): Answer {
    const { kind = 'sha1', username = this.username } = options;
    const [message] = messages;
    if (message === undefined || messages.length > 1) {
      throw new Error(`${messages.length} messages instead of one response`);
    }
    const code = message.errorCode()?.code;
    const isChallenge = code === 401 || code === 438;
    if (!isChallenge && !verifyIntegrity(message, kind, this.#key(kind, username, options))) {
      throw new Error('the response has another integrity than the request');
    }
    return { messageClass: message.messageClass, code, message };
  }

  /** Sends an Allocate for UDP. */
  allocate(content: Content = () => {}, options: RequestOptions = {}): Promise<Answer> {
    const whole: Content = (writer) => {
      writer.requestedTransport(UDP_PROTOCOL);
      content(writer);
    };
    return this.ask(Method.Allocate, whole, options);
  }

  /** Sends a Refresh. */
  refresh(lifetimeSeconds?: number, options: RequestOptions = {}): Promise<Answer> {
    const content: Content = (writer) => {
      if (lifetimeSeconds !== undefined) writer.u32(AttributeType.Lifetime, lifetimeSeconds);
    };
    return this.ask(Method.Refresh, content, options);
  }

  /** Sends a CreatePermission. */
  permit(...peers: TransportAddress[]): Promise<Answer> {
    return this.ask(Method.CreatePermission, (writer) => {
      for (const peer of peers) writer.address(AttributeType.XorPeerAddress, peer);
    });
  }

  /** Sends a ChannelBind. */
  bind(channel: number, peer: TransportAddress, options: RequestOptions = {}): Promise<Answer> {
    const content: Content = (writer) => {
      writer.channelNumber(channel).address(AttributeType.XorPeerAddress, peer);
    };
    return this.ask(Method.ChannelBind, content, options);
  }

  #key(kind: IntegrityKind, username: string, options: RequestOptions): Uint8Array {
    const { key, password = PASSWORD } = options;
    if (key !== undefined) return key;
    const algorithm = kind === 'sha256' ? 'sha256' : 'md5';
    return longTermKey(algorithm, username, REALM.name, password);
  }
}

/** Returns the relayed transport addresses in an Allocate success. */
export function relayedOf({ message }: Answer): readonly TransportAddress[] {
  return message.addresses(AttributeType.XorRelayedAddress) ?? [];
}

/** Appends REQUESTED-ADDRESS-FAMILY or ADDITIONAL-ADDRESS-FAMILY. */
export function family(type: number, number: number): Content {
  return (writer) => void writer.u32(type, number * 0x100_0000);
}
