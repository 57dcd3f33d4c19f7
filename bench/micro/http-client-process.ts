/** A process that sends requests over connections that it keeps, and counts the answers. */
import { connect, type Socket } from 'node:net';

/** What the process is asked to send, and for how long. */
export interface ClientOrder {
  readonly port: number;
  readonly connections: number;
  /** A whole HTTP/1.1 request. */
  readonly request: string;
  /** The status that every answer must have. */
  readonly status: number;
  readonly ms: number;
}

/** What the process answers. */
export interface ClientReport {
  readonly answers: number;
  /** Time in which they came, ms. */
  readonly ms: number;
  /** The first answer that was not as ordered. */
  readonly wrong?: string;
}

const HEAD_END = '\r\n\r\n';
const LENGTH = /\r\ncontent-length: (\d+)/i;

/** Returns the bytes of the first answer in a buffer; undefined while it is not whole. */
function answerBytes(received: Buffer): number | undefined {
  const end = received.indexOf(HEAD_END);
  if (end === -1) return undefined;
  const head = received.toString('latin1', 0, end);
  const bytes = end + HEAD_END.length + Number(LENGTH.exec(head)?.[1]);
  return received.length < bytes ? undefined : bytes;
}

/** Sends the request again and again, the next one when an answer is whole. */
async function load(order: ClientOrder): Promise<ClientReport> {
  const expected = Buffer.from(`HTTP/1.1 ${order.status} `);
  let answers = 0;
  let wrong: string | undefined;
  const sockets: Socket[] = [];
  const started = performance.now();
  const isOver = () => wrong !== undefined || performance.now() - started >= order.ms;
  const one = () =>
    new Promise<void>((resolve, reject) => {
      const socket = connect(order.port, '127.0.0.1', () => socket.write(order.request));
      sockets.push(socket.setNoDelay());
      let received: Buffer = Buffer.alloc(0);
      socket.on('error', reject);
      socket.on('data', (chunk) => {
        received = received.length === 0 ? chunk : Buffer.concat([received, chunk]);
        const bytes = answerBytes(received);
        if (bytes === undefined) return;
        if (!received.subarray(0, expected.length).equals(expected)) wrong ??= `${received}`;
        received = received.subarray(bytes);
        answers += 1;
        if (isOver()) resolve();
        else socket.write(order.request);
      });
    });
  await Promise.all(Array.from({ length: order.connections }, one));
  const ms = performance.now() - started;
  for (const socket of sockets) socket.destroy();
  return { answers, ms, ...(wrong === undefined ? {} : { wrong }) };
}

process.on('disconnect', () => process.exit());
process.on('message', async (order: ClientOrder) => process.send?.(await load(order)));

// The process does not sleep between two answers, because waking it up would be the server's work.
const stayAwake = () => void setImmediate(stayAwake);
stayAwake();
