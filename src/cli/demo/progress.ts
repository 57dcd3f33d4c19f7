import type { DemoEvent, PeerStep, Side } from './events.js';

/** The steps of a demo as people are told of them, in order. */
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

/** The step that a peer is in after it has told something. */
const PEER_STEPS: Readonly<Record<PeerStep['event'], Step>> = {
  waiting: 'Directory answer',
  answer: 'NAT addresses',
  'nat-address': 'Connect',
  connect: 'Established',
  established: 'Traffic',
};

/** Knows what the demo is at, so that a failure can be put down to a step. */
export class Progress {
  #stage: Step = 'Network';
  #relays = 0;
  readonly #peers: Record<Side, Step> = { A: 'Directory answer', B: 'Directory answer' };

  note(event: DemoEvent): void {
    if ('peer' in event) this.#peers[event.peer] = PEER_STEPS[event.event];
    else if (event.event === 'started' && event.nat === null) this.#stage = 'Directory';
    else if (event.event === 'network') this.#stage = 'Directory';
    else if (event.event === 'directory') this.#stage = 'Relays';
    else if (event.event === 'relay' && ++this.#relays === 2) this.#stage = 'Directory answer';
  }

  /** The earliest step that is not done: of two peers, that of the one behind. */
  get step(): Step {
    if (this.#stage !== 'Directory answer') return this.#stage;
    const { A, B } = this.#peers;
    return STEPS.indexOf(A) < STEPS.indexOf(B) ? A : B;
  }
}
