import { formatAddress, parseAddress, type TransportAddress } from '../../../src/address.js';
import { tenantRoot, tenantSecret } from '../../../src/auth/keys.js';
import { mintCredential } from '../../../src/overlay/leg-credentials.js';
import {
  AttributeType,
  type PasswordAlgorithm,
  PasswordAlgorithmNumber,
} from '../../../src/stun/attribute-types.js';
import { type IntegrityKind, longTermKey, verifyIntegrity } from '../../../src/stun/integrity.js';
import { LEG_LIMITS } from '../../../src/stun/leg-limits.js';
import { decodeMessage, type StunMessage } from '../../../src/stun/message.js';
import { Method } from '../../../src/stun/methods.js';
import { MessageWriter } from '../../../src/stun/writer.js';
import { CLUSTER_SECRET, type World, type WorldRelay } from './world.js';

export const CONNECTION_ID = '000102030405060708090a0b0c0d0e0f';

export interface PeerOptions {
  readonly address: string;
  readonly relay: WorldRelay;
  readonly role: 0 | 1;
  readonly connectionId?: string;
  readonly tenant?: string;
  readonly kind?: IntegrityKind;
  readonly lifeSeconds?: number;
}

/** A peer written from PROTOCOL.md, without the client library. It sends what a test asks for. */
export class FakePeer {
  readonly address: TransportAddress;
  readonly inbox: StunMessage[] = [];
  readonly credential: { username: string; password: string };
  readonly role: 0 | 1;
  readonly connectionId: string;
  relay: WorldRelay;
  /** The value of LIVENESS in its requests; undefined for none. */
  livenessSeconds: number | undefined;
  /** Number of reminders (Binding indications) from its relay. */
  reminders = 0;
  kind: IntegrityKind;
  #world: World;
  #keptAliveAt: number;
  #challenge: { realm: string; nonce: string; list: Uint8Array } | undefined;

  constructor(world: World, options: PeerOptions) {
    const { role, tenant = 'default', connectionId = CONNECTION_ID, lifeSeconds = 600 } = options;
    this.#world = world;
    this.#keptAliveAt = world.clock.monotonic();
    world.living.add(this);
    this.address = parseAddress(options.address);
    this.relay = options.relay;
    this.role = role;
    this.connectionId = connectionId;
    this.kind = options.kind ?? 'sha256';
    this.credential = mintCredential({
      tenantSecret: tenantSecret(tenantRoot(CLUSTER_SECRET), tenant),
      tenant,
      connectionId,
      role,
      expiresAtSeconds: Math.floor(world.clock.now() / 1_000) + lifeSeconds,
    });
    world.inboxes.set(formatAddress(this.address), ({ data }) => {
      const decoded = decodeMessage(data);
      if (!decoded.ok) return;
      const { messageClass, method } = decoded.message;
      if (messageClass === 'indication' && method === Method.Binding) this.#reminded();
      else this.inbox.push(decoded.message);
    });
  }

  /** Sends a Binding indication every 15 s. */
  keepAlive(): void {
    const now = this.#world.clock.monotonic();
    if (now - this.#keptAliveAt >= LEG_LIMITS.keepaliveMs) this.indicate();
  }

  indicate(): void {
    this.#keptAliveAt = this.#world.clock.monotonic();
    const data = new MessageWriter('indication', Method.Binding, this.#world.random(12)).finish();
    this.#world.send({ from: this.address, to: this.relay.service, data });
    this.#world.pump();
  }

  /** Counts a reminder, and answers it with an indication if the peer lives. */
  #reminded(): void {
    this.reminders += 1;
    if (this.#world.living.has(this)) this.indicate();
  }

  /** Ends keepalives and answers to reminders. */
  die(): void {
    this.#world.living.delete(this);
  }

  get key(): Uint8Array {
    const { username, password } = this.credential;
    const algorithm: PasswordAlgorithm = this.kind === 'sha1' ? 'md5' : 'sha256';
    return longTermKey(algorithm, username, this.#challenge?.realm ?? 'turnpike', password);
  }

  /** Sends a request without credentials. @returns the response, if one has arrived */
  raw(method: number, write: (writer: MessageWriter) => void): StunMessage | undefined {
    const transactionId = this.#world.random(12);
    const writer = new MessageWriter('request', method, transactionId);
    write(writer);
    const { address: from, relay } = this;
    this.#world.send({ from, to: relay.service, data: writer.finish() });
    this.#world.pump();
    return this.answerTo(transactionId);
  }

  /** Returns the newest message of a transaction. */
  answerTo(transactionId: Uint8Array): StunMessage | undefined {
    return this.inbox.findLast(
      (message) => Buffer.compare(message.transactionId, transactionId) === 0,
    );
  }

  /** Appends the credential attributes, with the peer's kind of integrity. */
  sign(writer: MessageWriter): void {
    const { username } = this.credential;
    writer.text(AttributeType.Username, username);
    if (this.#challenge) {
      const { realm, nonce, list } = this.#challenge;
      writer.text(AttributeType.Realm, realm).text(AttributeType.Nonce, nonce);
      if (this.kind === 'sha256') {
        writer.bytes(AttributeType.PasswordAlgorithms, list);
        writer.passwordAlgorithm(PasswordAlgorithmNumber.sha256);
      }
    }
    writer.integrity(this.kind, this.key);
  }

  /** Sends a signed request, and again after a 438. @returns the last response */
  request(method: number, write: (writer: MessageWriter) => void): StunMessage | undefined {
    if (!this.#challenge) this.challenge();
    const answer = this.raw(method, (writer) => {
      write(writer);
      this.sign(writer);
    });
    if (answer?.errorCode()?.code !== 438) return answer;
    this.#learn(answer);
    return this.raw(method, (writer) => {
      write(writer);
      this.sign(writer);
    });
  }

  /** Sends an Allocate without credentials and keeps the challenge. */
  challenge(write: (writer: MessageWriter) => void = () => {}): StunMessage | undefined {
    const answer = this.raw(Method.Allocate, write);
    if (answer) this.#learn(answer);
    return answer;
  }

  /** Takes over another peer's challenge. */
  learnFrom(other: FakePeer): void {
    this.#challenge = other.#challenge;
  }

  #learn(answer: StunMessage): void {
    const realm = answer.text(AttributeType.Realm);
    const nonce = answer.text(AttributeType.Nonce);
    const list = answer.get(AttributeType.PasswordAlgorithms);
    if (realm && nonce && list) this.#challenge = { realm, nonce, list };
  }

  allocate(peerRelay: TransportAddress, lifetimeSeconds?: number): StunMessage | undefined {
    const { livenessSeconds } = this;
    return this.request(Method.Allocate, (writer) => {
      writer.requestedTransport(17).connectionIdentifier(this.connectionId);
      writer.connectionRole(this.role).address(AttributeType.XorPeerRelayAddress, peerRelay);
      if (lifetimeSeconds !== undefined) writer.u32(AttributeType.Lifetime, lifetimeSeconds);
      if (livenessSeconds !== undefined) writer.u32(AttributeType.Liveness, livenessSeconds);
    });
  }

  /** Sends a Connect. A response that arrives later is in `connectAnswer`. */
  connect(other: TransportAddress): StunMessage | undefined {
    const { livenessSeconds } = this;
    return this.request(Method.Connect, (writer) => {
      writer.connectionIdentifier(this.connectionId);
      writer.address(AttributeType.XorPeerAddress, other);
      if (livenessSeconds !== undefined) writer.u32(AttributeType.Liveness, livenessSeconds);
    });
  }

  refresh(lifetimeSeconds: number): StunMessage | undefined {
    return this.request(Method.Refresh, (writer) => {
      writer.connectionIdentifier(this.connectionId).u32(AttributeType.Lifetime, lifetimeSeconds);
    });
  }

  /** The newest response to any Connect. */
  get connectAnswer(): StunMessage | undefined {
    return this.inbox.findLast(
      ({ method, messageClass }) => method === Method.Connect && messageClass !== 'request',
    );
  }

  /** The codes of the Closed indications with valid integrity. */
  get closed(): number[] {
    return this.inbox
      .filter(({ method }) => method === Method.Closed)
      .filter((message) => verifyIntegrity(message, this.kind, this.key))
      .map((message) => message.errorCode()?.code ?? 0);
  }
}
