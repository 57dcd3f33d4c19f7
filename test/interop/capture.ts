import { execFile } from 'node:child_process';
import { setTimeout } from 'node:timers/promises';
import { promisify } from 'node:util';
import { type LabHost, type LabProcess, readLines } from '../../src/lab/index.js';
import { toolEnvironment } from '../../src/lab/tools.js';
import type { TestLab } from '../lab/test-lab.js';

const OUTPUT_BYTES_MAX = 1 << 28;
/** dumpcap gets packets at most a quarter of a second late, and has to write them down. */
const DELAY_MS = 350;
const TURN_PORT = '3478';
/** Types of the two indications (RFC 8656 section 17). */
const INDICATIONS = ['0x0016', '0x0017'];
/** What tshark prints of each packet. */
const FIELDS = [
  ...['ip.src', 'udp.srcport', 'udp.dstport'],
  ...['stun.type', 'stun.channel', '_ws.malformed'],
  ...['stun.att.error.class', 'stun.att.error'],
];
/**
 * Clients and relayed addresses have random ports. By the number of a port tshark takes messages
 * for those of another protocol, and finds them malformed.
 */
const ALL_PORTS_ARE_STUN = ['-d', 'udp.port==1-65535,stun'];
/** What a client is told about its credential and its nonce, each of which it takes up again. */
const CHALLENGES = ['401', '438'];

/** What tshark has found in the UDP packets of a host. */
export interface Judgement {
  readonly channelData: number;
  readonly indications: number;
  /** Requests and responses. */
  readonly transactions: number;
  /** Codes of the server's error responses that are no challenges. */
  readonly refusals: readonly string[];
  /** Packets with which the host has tried to reach another without the server, in vain. */
  readonly unanswered: number;
  /**
   * Packets that are malformed, that are no message on the TURN port, or that have reached the host
   * from elsewhere.
   */
  readonly faults: readonly string[];
}

/** The capture of all UDP packets of a host. */
export class Capture {
  readonly #host: LabHost;
  readonly #file: string;
  readonly #dumpcap: LabProcess;

  private constructor(host: LabHost, file: string, dumpcap: LabProcess) {
    this.#host = host;
    this.#file = file;
    this.#dumpcap = dumpcap;
  }

  /**
   * Starts to capture.
   * @param file - path of the capture, which is overwritten
   * @throws if dumpcap ends before it captures
   */
  static async start(lab: TestLab, host: LabHost, file: string): Promise<Capture> {
    // Browsers look for others by multicast DNS, and for names.
    const filter = 'udp and not port 53 and not port 5353';
    const argv = ['dumpcap', '-q', '-i', host.uplink, '-f', filter, '-w', file];
    const dumpcap = lab.spawn(host, argv);
    const captures = new Promise<void>((resolve) => {
      readLines(dumpcap.child.stderr, (line) => {
        if (line.startsWith('File: ')) resolve();
      });
    });
    const ended = dumpcap.ended.then(({ code }) => {
      throw new Error(`dumpcap ended with status ${code}`);
    });
    ended.catch(() => {});
    await Promise.race([captures, ended]);
    return new Capture(host, file, dumpcap);
  }

  /** Ends the capture, after which another one may begin. */
  async stop(): Promise<void> {
    await this.#dumpcap.stop();
  }

  /** Ends the capture, with what has passed until now, and has tshark dissect it. */
  async judge(): Promise<Judgement> {
    await setTimeout(DELAY_MS);
    await this.stop();
    const fields = FIELDS.flatMap((field) => ['-e', field]);
    const { stdout } = await promisify(execFile)(
      'tshark',
      ['-r', this.#file, ...ALL_PORTS_ARE_STUN, '-T', 'fields', ...fields],
      { env: toolEnvironment(), maxBuffer: OUTPUT_BYTES_MAX },
    );
    const lines = stdout.split('\n').filter((line) => line !== '');
    return judgementOf(lines, this.#host.addresses[4] ?? '');
  }
}

function judgementOf(lines: readonly string[], host: string): Judgement {
  const counts = { channelData: 0, indications: 0, transactions: 0, unanswered: 0 };
  const faults: string[] = [];
  const refusals: string[] = [];
  for (const [index, line] of lines.entries()) {
    const [address, from, to, types = '', channel = '', malformed = '', ...error] =
      line.split('\t');
    // ChannelData and indications may contain another message, whose type follows.
    const [type = ''] = types.split(',');
    const code = `${error[0]}${error[1]?.padStart(2, '0')}`;
    if (from === TURN_PORT && /^\d{3}$/.test(code) && !CHALLENGES.includes(code)) {
      refusals.push(code);
    }
    const isTurn = (from === TURN_PORT || to === TURN_PORT) && (type !== '' || channel !== '');
    if (malformed !== '') faults.push(`packet ${index + 1} is malformed: ${line}`);
    else if (!isTurn && address === host && to !== TURN_PORT) counts.unanswered++;
    else if (!isTurn) faults.push(`packet ${index + 1} is no message of the server: ${line}`);
    else if (channel !== '') counts.channelData++;
    else if (INDICATIONS.includes(type)) counts.indications++;
    else counts.transactions++;
  }
  return { ...counts, refusals, faults };
}
