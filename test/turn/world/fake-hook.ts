import { setImmediate } from 'node:timers/promises';
import type {
  Authenticate,
  AuthenticateAnswer,
  AuthenticateRequest,
} from '../../../src/auth/authenticate-hook.js';
import { PASSWORD } from './turn-world.js';

interface Call {
  readonly request: AuthenticateRequest;
  readonly resolve: (answer: AuthenticateAnswer | null | undefined) => void;
  readonly reject: (error: unknown) => void;
}

/** An `authenticate` whose calls wait until the test answers them. */
export class FakeHook {
  readonly calls: Call[] = [];
  #answered = 0;

  readonly authenticate: Authenticate = (request) =>
    new Promise((resolve, reject) => {
      this.calls.push({ request, resolve, reject });
    });

  /** Names of the users asked for, in order. */
  get names(): (string | undefined)[] {
    return this.calls.map(({ request }) => request.username);
  }

  /** Answers the oldest call that has no answer, and waits until the server has taken it. */
  async answer(answer: unknown = { password: PASSWORD }): Promise<void> {
    this.#next().resolve(answer as AuthenticateAnswer);
    await setImmediate();
  }

  /** Lets the oldest call without an answer fail, and waits until the server has taken it. */
  async fail(error: unknown): Promise<void> {
    this.#next().reject(error);
    await setImmediate();
  }

  #next(): Call {
    const call = this.calls[this.#answered];
    if (call === undefined) throw new Error('no call awaits an answer');
    this.#answered += 1;
    return call;
  }
}
