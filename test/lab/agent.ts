import { createInterface } from 'node:readline';
import { fileURLToPath } from 'node:url';
import type { AddressFamily, TransportAddress } from '../../src/address.js';
import type { Lab, LabHost, LabProcess } from '../../src/lab/index.js';

/** What an agent is asked to do. */
export type AgentRequest =
  | { do: 'open'; id: number; family: AddressFamily; port: number }
  | { do: 'send'; id: number; socket: number; to: TransportAddress; text: string };

/** What an agent tells. */
export type AgentEvent =
  | { kind: 'done'; id: number; socket?: number; port?: number }
  | { kind: 'failed'; id: number; why: string }
  | { kind: 'received'; socket: number; from: TransportAddress; text: string };

type Done = Extract<AgentEvent, { kind: 'done' }>;
export type Received = Extract<AgentEvent, { kind: 'received' }>;
type Ask = { do: 'open'; family: AddressFamily; port: number } | Omit<Send, 'id'>;
type Send = Extract<AgentRequest, { do: 'send' }>;

const PROGRAM = fileURLToPath(new URL('./programs/udp-agent.ts', import.meta.url));

/** Runs a TypeScript program in a host of a lab. */
export function spawnTypeScript(
  lab: Lab,
  host: LabHost,
  program: string,
  args: readonly string[] = [],
): LabProcess {
  return lab.spawn(host, [process.execPath, '--import', 'tsx', program, ...args], {
    stdio: ['pipe', 'pipe', 'inherit'],
    // The runner's own instrumentation is of no use in a namespace, and slow.
    env: { NODE_OPTIONS: '' },
  });
}

/** Test code's end of a `udp-agent` process. */
export class Agent {
  readonly #process: LabProcess;
  readonly #waiting = new Map<number, { resolve(done: Done): void; reject(why: Error): void }>();
  readonly sockets = new Map<number, AgentSocket>();
  #requests = 0;

  constructor(lab: Lab, host: LabHost) {
    this.#process = spawnTypeScript(lab, host, PROGRAM);
    const { stdout } = this.#process.child;
    if (stdout === null) throw new Error('an agent needs its stdout');
    createInterface({ input: stdout }).on('line', (line) => {
      this.#heard(JSON.parse(line) as AgentEvent);
    });
  }

  /** Binds a socket; port 0 lets the kernel choose. */
  async open(family: AddressFamily, port = 0): Promise<AgentSocket> {
    const done = await this.ask({ do: 'open', family, port });
    const socket = new AgentSocket(this, done.socket ?? 0, done.port ?? 0);
    this.sockets.set(socket.number, socket);
    return socket;
  }

  ask(request: Ask): Promise<Done> {
    const id = this.#requests++;
    this.#process.child.stdin?.write(`${JSON.stringify({ ...request, id })}\n`);
    return new Promise((resolve, reject) => this.#waiting.set(id, { resolve, reject }));
  }

  #heard(event: AgentEvent): void {
    if (event.kind === 'received') {
      this.sockets.get(event.socket)?.deliver(event);
      return;
    }
    const waiting = this.#waiting.get(event.id);
    this.#waiting.delete(event.id);
    if (event.kind === 'done') waiting?.resolve(event);
    else waiting?.reject(new Error(event.why));
  }
}

/** A UDP socket inside a namespace. */
export class AgentSocket {
  readonly #agent: Agent;
  readonly number: number;
  readonly port: number;
  /** Texts that arrived, in order. */
  readonly texts: string[] = [];
  readonly #inbox: Received[] = [];
  #wake: (() => void) | undefined;

  constructor(agent: Agent, number: number, port: number) {
    this.#agent = agent;
    this.number = number;
    this.port = port;
  }

  async send(to: TransportAddress, text: string): Promise<void> {
    await this.#agent.ask({ do: 'send', socket: this.number, to, text });
  }

  /** The next datagram that has this text; earlier ones are passed over. */
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

  deliver(event: Received): void {
    this.texts.push(event.text);
    this.#inbox.push(event);
    this.#wake?.();
  }
}
