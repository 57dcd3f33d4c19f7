import type { DemoEvent, Side } from './events.js';

/** The steps of a demo as they are shown, in order. */
const STEPS = [
  'Network',
  'Directory',
  'Relays',
  'Directory answer',
  'NAT addresses',
  'Connect',
  'Established',
  'Traffic',
] as const;

type Step = (typeof STEPS)[number];

/** The step that begins with an event. */
const BEGINS: Partial<Record<DemoEvent['event'], Step>> = {
  network: 'Directory',
  directory: 'Relays',
  waiting: 'Directory answer',
  answer: 'NAT addresses',
  'nat-address': 'Connect',
  connect: 'Established',
  established: 'Traffic',
};

/** Follows the events of a demo, so that a failure can name its step. */
export class Progress {
  #common: Step = 'Network';
  #relays = 0;
  readonly #peers: Record<Side, Step> = { A: 'Directory answer', B: 'Directory answer' };

  note(event: DemoEvent): void {
    const next = BEGINS[event.event];
    if ('peer' in event) this.#peers[event.peer] = next ?? this.#peers[event.peer];
    else if (event.event === 'started' && event.nat === null) this.#common = 'Directory';
    else if (event.event === 'relay' && ++this.#relays === 2) this.#common = 'Directory answer';
    else this.#common = next ?? this.#common;
  }

  /** The earliest step that is not done by both peers. */
  get step(): Step {
    if (this.#common !== 'Directory answer') return this.#common;
    const { A, B } = this.#peers;
    return STEPS.indexOf(A) < STEPS.indexOf(B) ? A : B;
  }
}
