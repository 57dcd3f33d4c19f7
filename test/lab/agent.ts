import { fileURLToPath } from 'node:url';
import type { AddressFamily, TransportAddress } from '../../src/address.js';
import type { Lab, LabHost, LabProcess } from '../../src/lab/index.js';
import { programArguments } from '../setup/test-programs.js';
import { RpcClient } from './rpc.js';

/** The methods of a `udp-agent`. */
export type UdpMethods = {
  open(params: { family: AddressFamily; port: number }): Promise<{ socket: number; port: number }>;
  send(params: { socket: number; to: TransportAddress; text: string }): Promise<void>;
};

/** A datagram that reached one of its sockets. */
export interface Received {
  readonly socket: number;
  readonly from: TransportAddress;
  readonly text: string;
}

const PROGRAM = fileURLToPath(new URL('./programs/udp-agent.ts', import.meta.url));

/** Runs a TypeScript program in a host of a lab. */
export function spawnTypeScript(
  lab: Lab,
  host: LabHost,
  program: string,
  args: readonly string[] = [],
): LabProcess {
  const started = lab.spawn(host, [process.execPath, ...programArguments(program), ...args]);
  started.child.stderr?.on('data', (text: Buffer) => process.stderr.write(text));
  return started;
}

/** Test code's end of a `udp-agent` process. */
export class Agent {
  readonly #rpc: RpcClient<UdpMethods, Received>;
  readonly #sockets: AgentSocket[] = [];

  constructor(lab: Lab, host: LabHost) {
    this.#rpc = new RpcClient(spawnTypeScript(lab, host, PROGRAM), (received) =>
      this.#sockets[received.socket]?.deliver(received),
    );
  }

  /** Opens and binds a socket; with port 0 the kernel chooses the port. */
  async open(family: AddressFamily, port = 0): Promise<AgentSocket> {
    const opened = await this.#rpc.call('open', { family, port });
    const socket = new AgentSocket(opened.port, (to, text) =>
      this.#rpc.call('send', { socket: opened.socket, to, text }),
    );
    this.#sockets[opened.socket] = socket;
    return socket;
  }
}

/** A UDP socket inside a namespace. */
export class AgentSocket {
  readonly port: number;
  /** Resolves when the kernel accepts the datagram; rejects when the kernel refuses it. */
  readonly send: (to: TransportAddress, text: string) => Promise<void>;
  /** Texts that arrived, in order. */
  readonly texts: string[] = [];
  readonly #inbox: Received[] = [];
  #wake: (() => void) | undefined;

  constructor(port: number, send: AgentSocket['send']) {
    this.port = port;
    this.send = send;
  }

  /** Resolves with the next datagram that has this text; others before it are discarded. */
  async receive(text: string): Promise<Received> {
    for (;;) {
      for (let next = this.#inbox.shift(); next !== undefined; next = this.#inbox.shift()) {
        if (next.text === text) return next;
      }
      await new Promise<void>((resolve) => {
        this.#wake = resolve;
      });
    }
  }

  deliver(received: Received): void {
    this.texts.push(received.text);
    this.#inbox.push(received);
    this.#wake?.();
  }
}
