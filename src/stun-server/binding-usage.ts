import { AttributeType } from '../stun/attribute-types.js';
import { ErrorCode } from '../stun/error-codes.js';
import type { StunMessage } from '../stun/message.js';
import { Method } from '../stun/methods.js';
import { MessageWriter } from '../stun/writer.js';
import { type Origin, tupleKey } from './origin.js';
import { pays, respond, type ServerContext } from './server-context.js';
import type { Usage } from './usage.js';

/** A header and XOR-MAPPED-ADDRESS of an IPv4 address, bytes. */
const BINDING_RESPONSE_BYTES_MIN = 32;

/**
 * Binding requests without authentication (RFC 8489 section 12). A response that is longer than its
 * request is paid from the source's budget.
 */
export class BindingUsage implements Usage {
  readonly #context: ServerContext;
  readonly #known: ReadonlySet<number>;

  /** @param known - comprehension-required attributes that any usage of this server knows */
  constructor(context: ServerContext, known: ReadonlySet<number>) {
    this.#context = context;
    this.#known = known;
  }

  takes(message: StunMessage): boolean {
    return message.method === Method.Binding;
  }

  receive(message: StunMessage, origin: Origin): void {
    this.#context.onHeard(tupleKey(origin.tuple));
    const unknown = message.unknownRequired(this.#known);
    const { transactionId, bytes } = message;
    // Short requests, the common case, always get a longer response: pay before it is built.
    const short = bytes.length < BINDING_RESPONSE_BYTES_MIN;
    if (short && !pays(this.#context, origin, 'binding')) return;
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
    if (longer && !pays(this.#context, origin, 'binding')) return;
    respond(this.#context, origin, writer.finish());
  }
}
