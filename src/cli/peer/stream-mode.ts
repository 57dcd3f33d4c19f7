import { finished } from 'node:stream/promises';
import type { Clock } from '../../clock.js';
import type { RandomBytes } from '../../random.js';
import { SealedDuplex } from '../../stream/sealed-duplex.js';
import { PAYLOAD_BYTES_RECOMMENDED } from '../../stun/channel-data.js';
import { isUdpFrame } from '../../udp-tunnel/frame.js';
import type { CommandIo } from '../command.js';
import { EXIT, SIGNAL_EXIT } from '../exit-codes.js';
import type { PeerMode } from './peer-mode.js';

export interface StreamModeOptions {
  readonly io: Pick<CommandIo, 'stdin' | 'stdout'>;
  /** 32 bytes that both sides were given. */
  readonly roomKey: Uint8Array;
  readonly clock: Clock;
  readonly random: RandomBytes;
}

/** `turnpike peer` without `--udp-…`: a sealed stream between standard input and output. */
export class StreamMode extends SealedDuplex implements PeerMode {
  readonly finished: Promise<number>;
  readonly #stdout: CommandIo['stdout'];

  constructor({ io: { stdin, stdout }, ...options }: StreamModeOptions) {
    super({
      ...options,
      payloadBytesMax: PAYLOAD_BYTES_RECOMMENDED,
      isUdpTunnel: isUdpFrame,
    });
    this.finished = finished(this).then(() => EXIT.ok);
    this.finished.catch(() => {});
    const onFailure = (error: Error) => {
      this.sendReset();
      this.destroy(error);
    };
    stdin.on('error', onFailure).pipe(this);
    this.pipe(stdout.on('error', onFailure), { end: false });
    this.#stdout = stdout;
    this.once('finish', () => this.writeRestTo(stdout));
    // A terminal whose output goes to a file has nothing to send: both directions end together.
    if (stdin.isTTY && !stdout.isTTY) {
      this.once('end', () => {
        stdin.unpipe(this);
        this.end();
      });
    }
  }

  interrupt(signal: string): number {
    if (this.complete) {
      this.writeRestTo(this.#stdout);
      return EXIT.ok;
    }
    this.sendReset();
    return SIGNAL_EXIT[signal] ?? EXIT.failed;
  }

  async close(): Promise<void> {
    this.destroy();
  }
}
