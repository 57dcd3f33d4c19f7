import { type ChildProcessByStdio, spawn } from 'node:child_process';
import type { RemoteInfo } from 'node:dgram';
import { EventEmitter, once } from 'node:events';
import { createInterface } from 'node:readline';
import type { Readable, Writable } from 'node:stream';
import { fileURLToPath } from 'node:url';
import type { TransportAddress } from '../src/address.js';

type Program = ChildProcessByStdio<Writable, Readable, null>;

const PROGRAM = fileURLToPath(new URL('marked_socket.py', import.meta.url));

/** The part of a socket of node:dgram that tests use. */
export interface DatagramSocket {
  on(event: 'message', listener: (data: Buffer, from: RemoteInfo) => void): unknown;
  send(data: Uint8Array | string, port: number, address: string): unknown;
  address(): TransportAddress;
  close(): unknown;
}

/**
 * A UDP socket that sets the traffic class (DSCP and ECN, the octet of the IP header) of what it
 * sends, and knows that of what it receives, which node:dgram cannot. It is a process in Python.
 */
export class MarkedSocket extends EventEmitter implements DatagramSocket {
  readonly #process: Program;
  readonly #address: TransportAddress;
  /** Of what is sent from now on. */
  trafficClass = 0;
  /** Of what was received, in the order of the `message` events. */
  readonly trafficClasses: number[] = [];

  private constructor(process: Program, address: TransportAddress) {
    super();
    this.#process = process;
    this.#address = address;
  }

  /**
   * Opens a socket at a free port of an address.
   * @param namespace - the network namespace that has the address; by default that of the tests
   */
  static async open(ip: string, namespace?: string): Promise<MarkedSocket> {
    const within = namespace === undefined ? [] : ['ip', 'netns', 'exec', namespace];
    const [command = '', ...args] = [...within, 'python3', PROGRAM, ip];
    const child = spawn(command, args, { stdio: ['pipe', 'pipe', 'inherit'] });
    const lines = createInterface(child.stdout);
    const [port] = (await once(lines, 'line')) as [string];
    const socket = new MarkedSocket(child, { address: ip, port: Number(port) });
    lines.on('line', (line) => socket.#take(line));
    return socket;
  }

  #take(line: string): void {
    const [trafficClass, port, address = '', hex = ''] = line.split(' ');
    const data = Buffer.from(hex, 'hex');
    this.trafficClasses.push(Number(trafficClass));
    const family = address.includes(':') ? 'IPv6' : 'IPv4';
    this.emit('message', data, { address, family, port: Number(port), size: data.length });
  }

  send(data: Uint8Array | string, port: number, address: string): void {
    const hex = Buffer.from(data).toString('hex');
    this.#process.stdin.write(`${this.trafficClass} ${port} ${address} ${hex}\n`);
  }

  address(): TransportAddress {
    return this.#address;
  }

  /** Closes the socket: the program ends at the end of its input. */
  close(): void {
    this.#process.stdin.end();
  }
}
