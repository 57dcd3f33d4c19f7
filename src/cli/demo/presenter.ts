import type { CommandIo } from '../command.js';
import type { DemoEvent } from './events.js';
import { TextPresenter } from './text-presenter.js';

/** Shows what happens, as it happens. */
export interface Presenter {
  show(event: DemoEvent): void;
}

/**
 * The presenter for a stream: JSON lines if asked for; else text, with colours and one updating
 * line on a terminal.
 * @param io - NO_COLOR (no-color.org) and TERM are read from its environment
 */
export function openPresenter(json: boolean, { stdout, env }: Pick<CommandIo, 'stdout' | 'env'>) {
  const write = (text: string) => void stdout.write(text);
  if (json) return { show: (event: DemoEvent) => write(`${JSON.stringify(event)}\n`) };
  const isTerminal = stdout.isTTY === true && env.TERM !== 'dumb';
  return new TextPresenter({
    write,
    isTerminal,
    hasColours: isTerminal && (env.NO_COLOR ?? '') === '',
    columns: () => stdout.columns ?? 80,
  });
}
