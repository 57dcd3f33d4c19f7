import { createSocket, type Socket } from 'node:dgram';
import { once } from 'node:events';
import { setTimeout as delay } from 'node:timers/promises';
import {
  type AddressFamily,
  familyOf,
  formatAddress,
  isUnicast,
  isWildcard,
  type TransportAddress,
} from '../address.js';
import { TurnpikeError } from '../errors.js';
import type { RandomBytes } from '../random.js';
import { AttributeType } from '../stun/attribute-types.js';
import { decodeMessage, type StunMessage, TRANSACTION_ID_BYTES } from '../stun/message.js';
import { Method } from '../stun/methods.js';
import { RTO_MS, standardWaitsMs } from '../stun/transmission-limits.js';
import { MessageWriter } from '../stun/writer.js';
import type { PortRange } from '../turn/index.js';
import { portCount } from './port-range.js';

/** Transmissions of a Binding request, Rc: with an RTO of 500 ms it fails after 15.5 s. */
export const BINDING_TRANSMISSIONS_MAX = 5;

/** Ports that are tried until one is free. */
const PORTS_TRIED_MAX = 16;

/** What is asked, and from where. */
export interface MappedAddressQuestion {
  readonly server: TransportAddress;
  /** An IP address of this host. */
  readonly from: string;
  /** The source port is of this range, so that a NAT treats it as those of allocations. */
  readonly ports: PortRange;
  readonly random: RandomBytes;
  /** Waits after each transmission, ms. Default: RFC 8489 section 6.2.1, 15.5 s in all. */
  readonly waitsMs?: readonly number[];
}

/** An address of this host, and what a STUN server sees in its place. */
export interface MappedAddress {
  readonly local: TransportAddress;
  readonly mapped: TransportAddress;
}

/**
 * Asks a STUN server how it sees an address of this host, by a Binding request (RFC 8489 section
 * 3), and takes the answer from the server's address alone.
 * @throws TurnpikeError ERR_TURNPIKE_STUN_SERVER without an answer, for an error response, and for
 *   a mapped address that no single host of that family has; ERR_TURNPIKE_BIND if `from` cannot be
 *   bound
 */
export async function askMappedAddress(question: MappedAddressQuestion): Promise<MappedAddress> {
  const { server, random, waitsMs = standardWaitsMs(RTO_MS, BINDING_TRANSMISSIONS_MAX) } = question;
  const socket = await boundSocket(question);
  try {
    socket.connect(server.port, server.address);
    await once(socket, 'connect');
    const { address, port } = socket.address();
    const transactionId = random(TRANSACTION_ID_BYTES);
    const request = new MessageWriter('request', Method.Binding, transactionId).finish();
    const { answer, others } = await answerOf(socket, { request, transactionId, waitsMs });
    if (answer === undefined) {
      const sent = `sends ${others} datagrams, none of which is a response to the request`;
      throw failure(question, others === 0 ? 'does not answer' : sent);
    }
    return { local: { address, port }, mapped: mappedOf(question, answer) };
  } catch (error) {
    if (error instanceof TurnpikeError) throw error;
    const errno = (error as NodeJS.ErrnoException).code ?? 'unknown';
    throw failure(question, `cannot be asked (${errno})`, errno);
  } finally {
    socket.close();
  }
}

function mappedOf(question: MappedAddressQuestion, answer: StunMessage): TransportAddress {
  const { server } = question;
  if (answer.messageClass === 'error') {
    throw failure(question, `answers with error ${answer.errorCode()?.code ?? 'without a code'}`);
  }
  const mapped = answer.address(AttributeType.XorMappedAddress);
  const family: AddressFamily = familyOf(server);
  if (mapped === undefined || familyOf(mapped) !== family) {
    throw failure(question, 'answers without a mapped address of its family');
  }
  if (isWildcard(mapped) || !isUnicast(mapped)) {
    throw failure(question, `answers with ${mapped.address}, which no single host has`);
  }
  return mapped;
}

function failure({ server, from }: MappedAddressQuestion, what: string, errno?: string) {
  const message = `the STUN server ${formatAddress(server)} ${what}, asked from ${from}`;
  const details = { address: formatAddress(server), ...(errno === undefined ? {} : { errno }) };
  return new TurnpikeError('ERR_TURNPIKE_STUN_SERVER', message, details);
}

/** Binds a free port of the range, or any port if the tried ones are taken. */
async function boundSocket({ from, ports, random }: MappedAddressQuestion): Promise<Socket> {
  for (let tried = 0; ; tried += 1) {
    const number = Buffer.from(random(4)).readUInt32BE();
    const port = tried < PORTS_TRIED_MAX ? ports.min + (number % portCount(ports)) : 0;
    const socket = createSocket(from.includes(':') ? 'udp6' : 'udp4');
    try {
      socket.bind(port, from);
      await once(socket, 'listening');
      return socket;
    } catch (error) {
      socket.close();
      const errno = (error as NodeJS.ErrnoException).code ?? 'unknown';
      if (errno === 'EADDRINUSE' && port !== 0) continue;
      const message = `cannot bind the relay address ${from}: ${errno}`;
      throw new TurnpikeError('ERR_TURNPIKE_BIND', message, { errno, address: from });
    }
  }
}

interface Transmission {
  readonly request: Uint8Array;
  readonly transactionId: Uint8Array;
  readonly waitsMs: readonly number[];
}

interface Reception {
  /** Undefined if none came in time. */
  readonly answer: StunMessage | undefined;
  /** Number of datagrams from the server that are no answer. */
  readonly others: number;
}

/** Transmits a request until its response comes. */
async function answerOf(
  socket: Socket,
  { request, transactionId, waitsMs }: Transmission,
): Promise<Reception> {
  const stop = new AbortController();
  let others = 0;
  const answered = new Promise<StunMessage>((resolve, reject) => {
    socket.on('message', (bytes) => {
      const decoded = decodeMessage(bytes);
      if (decoded.ok && isAnswer(decoded.message, transactionId)) resolve(decoded.message);
      else others += 1;
    });
    socket.on('error', reject);
  });
  const transmitted = async () => {
    for (const waitMs of waitsMs) {
      socket.send(request);
      await delay(waitMs, undefined, { signal: stop.signal });
    }
  };
  const timedOut = transmitted().then(() => undefined);
  // It rejects when the answer has come.
  timedOut.catch(() => {});
  try {
    const answer = await Promise.race([answered, timedOut]);
    return { answer, others };
  } finally {
    stop.abort();
  }
}

function isAnswer(message: StunMessage, transactionId: Uint8Array): boolean {
  const { messageClass, method } = message;
  const isResponse = messageClass === 'success' || messageClass === 'error';
  const isOurs = Buffer.from(transactionId).equals(message.transactionId);
  return isResponse && method === Method.Binding && isOurs;
}
