/**
 * A small TURN client (RFC 5766). Creates an allocation with a channel for each flow, for the
 * generator, which sends from the same addresses and ports. The first argument is a `TurnSpec` as
 * JSON. Prints `ready` when all allocations exist.
 */
import { randomBytes } from 'node:crypto';
import { createSocket, type Socket } from 'node:dgram';
import { once } from 'node:events';
import { setTimeout as delay } from 'node:timers/promises';
import { ClientAuthenticator } from '../../../src/auth/client-authenticator.js';
import { AttributeType } from '../../../src/stun/attribute-types.js';
import {
  decodeMessage,
  type StunMessage,
  TRANSACTION_ID_BYTES,
} from '../../../src/stun/message.js';
import { Method } from '../../../src/stun/methods.js';
import { MessageWriter } from '../../../src/stun/writer.js';
import { clientAddress } from '../addresses.js';
import type { TurnSpec } from './turn-spec.js';
import { CHANNEL } from './turnpike-spec.js';

const CLIENTS_AT_ONCE = 16;
const TRIES = 6;
const RETRY_MS = 400;
const UDP_PROTOCOL = 17;

/** Sends requests with retransmission, and answers challenges with a signed request. */
class TurnClient {
  readonly #socket: Socket;
  readonly #spec: TurnSpec;
  readonly #credentials: ClientAuthenticator;
  readonly #answers: StunMessage[] = [];

  constructor(socket: Socket, spec: TurnSpec) {
    this.#socket = socket;
    this.#spec = spec;
    // SHA-1, the integrity of RFC 5766.
    const { username, password } = spec;
    this.#credentials = new ClientAuthenticator({ username, password, integrity: 'sha1' });
    socket.on('message', (data) => {
      const decoded = decodeMessage(data);
      if (decoded.ok) this.#answers.push(decoded.message);
    });
  }

  /** Resolves after a success response. @throws Error for an error response, or without any */
  async request(method: number, fill: (writer: MessageWriter) => void): Promise<void> {
    for (let tries = 0; tries < TRIES; tries++) {
      const id = randomBytes(TRANSACTION_ID_BYTES);
      const writer = new MessageWriter('request', method, id);
      fill(writer);
      const signature = this.#credentials.sign(writer);
      const { address, port } = this.#spec.server;
      this.#socket.send(writer.finish(), port, address);
      const answer = await this.#answer(id);
      if (answer === undefined) continue;
      if (answer.messageClass === 'success') return;
      const verdict = this.#credentials.check(answer, signature);
      if (verdict.type !== 'retry') {
        throw new Error(`method ${method} was refused: ${answer.errorCode()?.code}`);
      }
    }
    throw new Error(`no answer to method ${method}`);
  }

  async #answer(id: Uint8Array): Promise<StunMessage | undefined> {
    const wanted = Buffer.from(id);
    for (let waitedMs = 0; waitedMs < RETRY_MS; waitedMs += 2) {
      const found = this.#answers.find(({ transactionId }) => wanted.equals(transactionId));
      if (found !== undefined) return found;
      await delay(2);
    }
    return undefined;
  }
}

async function allocate(spec: TurnSpec, flow: number): Promise<void> {
  const socket = createSocket('udp4');
  const local = clientAddress(spec.nearNetwork, flow);
  socket.bind(local.port, local.address);
  await once(socket, 'listening');
  const client = new TurnClient(socket, spec);
  await client.request(Method.Allocate, (writer) => writer.requestedTransport(UDP_PROTOCOL));
  await client.request(Method.ChannelBind, (writer) =>
    writer.channelNumber(CHANNEL).address(AttributeType.XorPeerAddress, spec.peer),
  );
  socket.close();
}

async function main(spec: TurnSpec): Promise<void> {
  let next = 0;
  const work = async () => {
    while (next < spec.flows) await allocate(spec, next++);
  };
  await Promise.all(Array.from({ length: CLIENTS_AT_ONCE }, work));
  console.log('ready');
}

await main(JSON.parse(process.argv[2] ?? '{}') as TurnSpec);
