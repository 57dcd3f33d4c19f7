import { setImmediate } from 'node:timers/promises';
import { formatAddress, parseAddress, type TransportAddress } from '../../../src/address.js';
import { ClientAuthenticator, type Signature } from '../../../src/auth/client-authenticator.js';
import { UDP_PROTOCOL } from '../../../src/stun/attribute-types.js';
import { decodeMessage, type StunMessage } from '../../../src/stun/message.js';
import { Method } from '../../../src/stun/methods.js';
import { MessageWriter } from '../../../src/stun/writer.js';
import type { World, WorldRelay } from './world.js';

/** Adds the attributes of a request. */
export type Content = (writer: MessageWriter) => unknown;

/** A standard client, which knows nothing of the overlay. */
export class StandardClient {
  readonly address: TransportAddress;
  readonly #world: World;
  readonly #relay: WorldRelay;
  readonly #authenticator: ClientAuthenticator;
  readonly #inbox: StunMessage[] = [];

  constructor(
    world: World,
    relay: WorldRelay,
    options: { readonly address?: string; readonly username: string; readonly password: string },
  ) {
    this.#world = world;
    this.#relay = relay;
    this.address = parseAddress(options.address ?? '203.0.113.50:5000');
    this.#authenticator = new ClientAuthenticator(options);
    const key = formatAddress(this.address);
    const before = world.inboxes.get(key);
    world.inboxes.set(key, (flight) => {
      before?.(flight);
      const decoded = decodeMessage(flight.data);
      if (decoded.ok) this.#inbox.push(decoded.message);
    });
  }

  /** Sends a request, and again after a challenge. @returns the last response */
  async request(method: number, content: Content = () => {}): Promise<StunMessage | undefined> {
    let after: Signature | undefined;
    for (;;) {
      const id = this.#world.random(12);
      const writer = new MessageWriter('request', method, id);
      content(writer);
      const signature = this.#authenticator.sign(writer, after);
      const answer = await this.#exchange(writer.finish(), id);
      if (answer === undefined) return undefined;
      if (this.#authenticator.check(answer, signature).type !== 'retry') return answer;
      after = signature;
    }
  }

  async #exchange(data: Uint8Array, id: Uint8Array): Promise<StunMessage | undefined> {
    this.#world.send({ from: this.address, to: this.#relay.service, data });
    this.#world.pump();
    await setImmediate();
    this.#world.pump();
    return this.#inbox.findLast((each) => Buffer.compare(each.transactionId, id) === 0);
  }

  allocate(content: Content = () => {}): Promise<StunMessage | undefined> {
    return this.request(Method.Allocate, (writer) => {
      writer.requestedTransport(UDP_PROTOCOL);
      content(writer);
    });
  }
}
