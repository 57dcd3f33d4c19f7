import { Help } from 'commander';
import type { TextKind } from '../options/option-spec.js';
import { type CommandDefinition, isReloaded } from './command.js';
import {
  COMMON_OPTIONS,
  expectation,
  type OptionDefinition,
  type OptionRule,
  optionKey,
  optionVariable,
} from './config/option.js';
import { EXIT_MEANINGS } from './exit-codes.js';

/** The precedence of the sources of an option. */
const PRECEDENCE =
  'A flag wins over its environment variable, that over the --config file, that over the ' +
  'default. Keys of the file are the long flags without the dashes in front.';

/** Explains `reloads` in the help of an option. */
const RELOADS =
  'SIGHUP reads the file again, and the files that options name: options that reload change at ' +
  'once, all others at a restart.';

/** Returns the list of exit codes. */
export function exitCodeHelp(): string {
  const lines = EXIT_MEANINGS.map(({ code, meaning }) => `${String(code).padStart(5)}  ${meaning}`);
  return ['Exit codes:', ...lines].join('\n');
}

/** Returns all options of a command by name, its own first. */
export function allOptions(command: CommandDefinition): [string, OptionDefinition][] {
  return Object.entries({ ...command.options, ...COMMON_OPTIONS });
}

/** Default placeholders of the values of a kind. */
const PLACEHOLDERS: Partial<Record<TextKind, string>> = {
  address: 'A:P',
  file: 'FILE',
  integer: 'N',
  name: 'NAME',
  url: 'URL',
};

/** Returns a flag as commander and the manual write it: `--listen <A:P>`. */
export function flagText(name: string, { kind, placeholder }: OptionDefinition): string {
  const flag = `--${optionKey(name)}`;
  return kind === 'boolean' ? flag : `${flag} <${placeholder ?? PLACEHOLDERS[kind] ?? 'VALUE'}>`;
}

/** Returns the default as text; undefined if there is none. */
export function defaultText(option: OptionDefinition): string | undefined {
  return option.defaultText ?? option.default?.toString();
}

/** Returns the right-hand column of an option in help. */
export function optionHelp(
  command: CommandDefinition,
  name: string,
  option: OptionDefinition,
): string {
  const facts = [
    option.required === true ? 'required' : undefined,
    option.repeat === true ? 'may repeat' : undefined,
    option.kind === 'choice' || option.kind === 'integer' ? expectation(option) : undefined,
    defaultText(option) === undefined ? undefined : `default: ${defaultText(option)}`,
    isReloaded(command) && option.changes === 'while running' ? 'reloads' : undefined,
    `env: ${optionVariable(command.path, name)}`,
  ].filter((fact) => fact !== undefined);
  return `${option.description} (${facts.join('; ')})`;
}

const HOW_MANY = { one: 'exactly', some: 'at least', 'at-most-one': 'at most' } as const;

/** Returns a rule between options as a sentence. */
export function ruleText({ type, options }: OptionRule): string {
  const flags = options.map((name) => `--${optionKey(name)}`);
  const list = `${flags.slice(0, -1).join(', ')} and ${flags.at(-1)}`;
  if (type === 'together') return `${list} go together.`;
  return `Give ${HOW_MANY[type]} one of ${list}.`;
}

/** Returns the text below the options in a command's help. */
export function helpFooter(command: CommandDefinition, columns: number): string {
  const wrap = (text: string) => new Help().boxWrap(text, columns);
  const sections = [
    ...(command.rules ?? []).map(ruleText).map(wrap),
    ...(command.notes ?? []).map(wrap),
    `Examples:\n${command.examples
      .map(({ purpose, line }) => `  # ${purpose}\n  ${line.replaceAll('\n', '\n  ')}`)
      .join('\n')}`,
    wrap(PRECEDENCE),
    ...(isReloaded(command) ? [wrap(RELOADS)] : []),
    exitCodeHelp(),
  ];
  return `\n${sections.join('\n\n')}\n`;
}
