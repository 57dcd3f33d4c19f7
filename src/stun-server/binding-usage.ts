import type { FiveTuple } from '../native/types.js';
import { AttributeType } from '../stun/attribute-types.js';
import { ErrorCode } from '../stun/error-codes.js';
import type { StunMessage } from '../stun/message.js';
import { Method } from '../stun/methods.js';
import { MessageWriter } from '../stun/writer.js';
import { tupleKey } from './origin.js';
import { respond, type ServerContext, spendBudget } from './server-context.js';
import type { Received, SignsOfLife, Usage } from './usage.js';

/** A header and XOR-MAPPED-ADDRESS of an IPv4 address, bytes. */
const BINDING_RESPONSE_BYTES_MIN = 32;

/**
 * Binding requests without authentication (RFC 8489 section 12), and Binding indications, which
 * keep NAT mappings. Both show that the client is alive. A response that is longer than its request
 * is paid from the source's budget.
 */
export class BindingUsage implements Usage {
  readonly knownAttributes: ReadonlySet<number>;
  readonly #context: ServerContext;
  readonly #signs: SignsOfLife;

  /**
   * @param usage - the usage of this server's other requests: a Binding may have the attributes
   *   that it knows, and is a sign of life to it
   */
  constructor(context: ServerContext, usage: SignsOfLife & Pick<Usage, 'knownAttributes'>) {
    this.#context = context;
    this.#signs = usage;
    this.knownAttributes = usage.knownAttributes;
  }

  /** Owns requests and indications of the method Binding. */
  owns(message: StunMessage): boolean {
    return message.method === Method.Binding;
  }

  /** Handles a Binding request or indication. */
  receive(received: Received): void {
    this.heard(received.origin.tuple);
    if (received.message.messageClass === 'request') this.#answer(received);
  }

  /** Takes an indication without attributes, which says no more than that. */
  heard(tuple: FiveTuple): void {
    this.#signs.heard(tupleKey(tuple));
  }

  #answer({ message, origin, unknownAttributes: unknown }: Received): void {
    const { transactionId, bytes } = message;
    // Short requests, the common case, always get a longer response: pay before it is built.
    const short = bytes.length < BINDING_RESPONSE_BYTES_MIN;
    if (short && !spendBudget(this.#context, origin, 'binding')) return;
    const writer =
      unknown.length > 0
        ? new MessageWriter('error', Method.Binding, transactionId)
            .errorCode(ErrorCode.UnknownAttribute)
            .unknownAttributes(unknown)
        : new MessageWriter('success', Method.Binding, transactionId).address(
            AttributeType.XorMappedAddress,
            origin.tuple.remote,
          );
    if (message.has(AttributeType.Fingerprint)) writer.fingerprint();
    const longer = !short && writer.length > bytes.length;
    if (longer && !spendBudget(this.#context, origin, 'binding')) return;
    respond(this.#context, origin, writer.finish());
  }
}
