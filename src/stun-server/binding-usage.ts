import type { FiveTuple } from '../native/types.js';
import { AttributeType } from '../stun/attribute-types.js';
import { ErrorCode } from '../stun/error-codes.js';
import type { StunMessage } from '../stun/message.js';
import { Method } from '../stun/methods.js';
import { MessageWriter } from '../stun/writer.js';
import type { BindingRoute, NatDiscovery } from './nat-discovery.js';
import { type Origin, tupleKey } from './origin.js';
import { respond, type ServerContext, spendBudget } from './server-context.js';
import type { Received, SignsOfLife, Usage } from './usage.js';

/** A header and XOR-MAPPED-ADDRESS of an IPv4 address, bytes. */
const BINDING_RESPONSE_BYTES_MIN = 32;

/**
 * Who gets an answer to a Binding request: everybody; those who prove a credential; nobody. RFC
 * 8489 section 12 leaves it open.
 */
export type BindingAnswers = 'open' | 'authenticated' | 'off';

/** What a `BindingUsage` answers. */
export interface BindingOptions {
  /** Default `open`. With `authenticated` another usage has to own the requests. */
  readonly answers?: BindingAnswers | undefined;
  /** NAT behaviour discovery, where it is served. */
  readonly discovery?: NatDiscovery | undefined;
}

/**
 * Binding requests without authentication (RFC 8489 section 12), and Binding indications, which
 * keep NAT mappings. Both show that the client is alive. A response that is longer than its request
 * is paid from the source's budget.
 */
export class BindingUsage implements Usage {
  readonly knownAttributes: ReadonlySet<number>;
  readonly #context: ServerContext;
  readonly #signs: SignsOfLife;
  readonly #answers: BindingAnswers;
  readonly #discovery: NatDiscovery | undefined;

  /**
   * @param usage - the usage of this server's other requests: a Binding may have the attributes
   *   that it knows, and is a sign of life to it
   */
  constructor(
    context: ServerContext,
    usage: SignsOfLife & Pick<Usage, 'knownAttributes'>,
    { answers = 'open', discovery }: BindingOptions = {},
  ) {
    this.#context = context;
    this.#signs = usage;
    this.#answers = answers;
    this.#discovery = discovery;
    this.knownAttributes = new Set([...usage.knownAttributes, ...(discovery?.attributes ?? [])]);
  }

  /** Owns indications of the method Binding, and its requests unless they are authenticated. */
  owns({ method, messageClass }: StunMessage): boolean {
    if (method !== Method.Binding) return false;
    return messageClass !== 'request' || this.#answers !== 'authenticated';
  }

  /** Handles a Binding request or indication. */
  receive(received: Received): void {
    this.heard(received.origin.tuple);
    if (received.message.messageClass !== 'request') return;
    if (this.#answers === 'off') return this.#drop(received);
    this.#answer(received);
  }

  /** Takes an indication without attributes, which says no more than that. */
  heard(tuple: FiveTuple): void {
    this.#signs.heard(tupleKey(tuple));
  }

  #drop({ origin }: Received): void {
    const { stats, log } = this.#context;
    stats.client.binding_off += 1;
    log.dropped(origin.tuple.remote, 'binding-off');
  }

  #answer({ message, origin, unknownAttributes }: Received): void {
    const { bytes } = message;
    // Short requests, the common case, always get a longer response: pay before it is built.
    const short = bytes.length < BINDING_RESPONSE_BYTES_MIN;
    if (short && !spendBudget(this.#context, origin, 'binding')) return;
    const unknown = [...unknownAttributes, ...(this.#discovery?.unknownAt(message, origin) ?? [])];
    const route = unknown.length > 0 ? undefined : this.#routeOf(message, origin);
    const writer = responseOf(message, origin, unknown, route);
    if (message.has(AttributeType.Fingerprint)) writer.fingerprint();
    const pays = !short && (writer.length > bytes.length || route?.isRedirected === true);
    if (pays && !spendBudget(this.#context, origin, 'binding')) return;
    respond(this.#context, route?.origin ?? origin, writer.finish());
  }

  /** Returns how a success response leaves; undefined for a request to be refused with 400. */
  #routeOf(message: StunMessage, origin: Origin): BindingRoute | undefined {
    if (this.#discovery !== undefined) return this.#discovery.routeOf(message, origin);
    return { origin, isRedirected: false, append: () => {} };
  }
}

/** Returns a response without FINGERPRINT: 420, 400 without a route, or a success. */
function responseOf(
  { transactionId }: StunMessage,
  { tuple }: Origin,
  unknown: readonly number[],
  route: BindingRoute | undefined,
): MessageWriter {
  const error = () => new MessageWriter('error', Method.Binding, transactionId);
  if (unknown.length > 0) {
    return error().errorCode(ErrorCode.UnknownAttribute).unknownAttributes(unknown);
  }
  if (route === undefined) return error().errorCode(ErrorCode.BadRequest);
  const writer = new MessageWriter('success', Method.Binding, transactionId);
  writer.address(AttributeType.XorMappedAddress, tuple.remote);
  route.append(writer);
  return writer;
}
