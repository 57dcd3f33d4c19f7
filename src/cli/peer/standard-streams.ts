import type { CommandIo } from '../command.js';

/** What happens on standard input and output. */
export interface StandardStreamEvents {
  readonly onInput: (bytes: Uint8Array) => void;
  readonly onInputEnd: () => void;
  /** Output has room again. */
  readonly onWritable: () => void;
  readonly onFailure: (error: Error) => void;
}

/** Standard input and output with backpressure in both directions. */
export class StandardStreams {
  readonly #stdin: CommandIo['stdin'];
  readonly #stdout: CommandIo['stdout'];
  #blocked = false;
  #ended = false;
  #stop: () => void = () => {};

  constructor({ stdin, stdout }: Pick<CommandIo, 'stdin' | 'stdout'>) {
    this.#stdin = stdin;
    this.#stdout = stdout;
  }

  /** Output takes more now. */
  get writable(): boolean {
    return !this.#blocked;
  }

  /** Input is a terminal but output is not: somebody saves what comes and sends nothing. */
  get onlyReceives(): boolean {
    return this.#stdin.isTTY === true && this.#stdout.isTTY !== true;
  }

  start(events: StandardStreamEvents): void {
    const onData = (chunk: Uint8Array) => events.onInput(chunk);
    const onEnd = () => {
      this.#ended = true;
      events.onInputEnd();
    };
    const onDrain = () => {
      this.#blocked = false;
      events.onWritable();
    };
    const { onFailure } = events;
    this.#stdin.on('data', onData).on('end', onEnd).on('error', onFailure);
    this.#stdout.on('drain', onDrain).on('error', onFailure);
    this.#stop = () => {
      this.#stdin.off('data', onData).off('end', onEnd).off('error', onFailure);
      this.#stdout.off('drain', onDrain).off('error', onFailure);
      this.#stdin.pause();
    };
  }

  write(bytes: Uint8Array): void {
    if (!this.#stdout.write(bytes)) this.#blocked = true;
  }

  /** Whether input should be read on: false lets the pipe behind it fill. */
  setReading(reading: boolean): void {
    if (this.#ended || reading === !this.#stdin.isPaused()) return;
    if (reading) this.#stdin.resume();
    else this.#stdin.pause();
  }

  stop(): void {
    this.#stop();
  }
}
