import { readFileSync, writeFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { type CommandDefinition, isReloaded } from '../../src/cli/command.js';
import { COMMANDS } from '../../src/cli/commands/index.js';
import { expectation, optionKey, optionVariable } from '../../src/cli/config/option.js';
import { EXIT_MEANINGS } from '../../src/cli/exit-codes.js';
import { allOptions, defaultText, flagText, ruleText } from '../../src/cli/help.js';

/** The page; its generated parts are between `<!-- begin X -->` and `<!-- end X -->`. */
export const PAGE = fileURLToPath(new URL('../../docs/cli.md', import.meta.url));

/** Returns the page with its generated parts made from the tables of options. */
export function renewed(page: string): string {
  const parts: Record<string, string> = {
    commands: commandParts(),
    'exit codes': exitCodes(),
    reload: reloadItems(),
  };
  return Object.entries(parts).reduce((text, [name, part]) => {
    const [begin, end] = [`<!-- begin ${name} -->`, `<!-- end ${name} -->`];
    const [before, rest] = split(text, begin);
    return `${before}${begin}\n\n${part}\n\n${end}${split(rest, end)[1]}`;
  }, page);
}

function split(text: string, at: string): [string, string] {
  const index = text.indexOf(at);
  if (index < 0) throw new Error(`docs/cli.md has no ${at}`);
  return [text.slice(0, index), text.slice(index + at.length)];
}

function exitCodes(): string {
  const rows = EXIT_MEANINGS.map(({ code, meaning }) => `| ${code} | ${meaning} |`);
  return ['| Code | Meaning |', '|---|---|', ...rows].join('\n');
}

/** Returns the table of the options that SIGHUP applies; all others need a restart. */
function reloadItems(): string {
  const items = new Map<string, { commands: Set<string>; options: Set<string> }>();
  for (const command of COMMANDS.filter(isReloaded)) {
    for (const [name, option] of allOptions(command)) {
      if (option.changes !== 'while running') continue;
      const item = option.item ?? optionKey(name);
      const row = items.get(item) ?? { commands: new Set(), options: new Set() };
      items.set(item, row);
      row.commands.add(command.path.join(' '));
      row.options.add(`\`--${optionKey(name)}\``);
    }
  }
  const rows = [...items].map(
    ([item, { commands, options }]) =>
      `| \`${item}\` | ${[...commands].join(', ')} | ${[...options].join(', ')} |`,
  );
  return ['| Item | Command | Options |', '|---|---|---|', ...rows].join('\n');
}

function commandParts(): string {
  return COMMANDS.map(commandPart).join('\n\n');
}

function commandPart(command: CommandDefinition): string {
  const { path, description, examples } = command;
  const words = (command.arguments ?? [])
    .map((each) => (each.optional === true ? ` [${each.name}]` : ` ${each.name}`))
    .join('');
  const rows = allOptions(command).map(([name, option]) => {
    const variable = optionVariable(path, name);
    const facts = [
      option.required === true ? 'required' : undefined,
      option.repeat === true ? 'may repeat' : undefined,
      option.notInFile === true ? 'not in the file' : undefined,
      isReloaded(command) && option.changes === 'while running' ? 'reloads' : undefined,
      defaultText(option) === undefined ? undefined : `default: ${defaultText(option)}`,
    ].filter((fact) => fact !== undefined);
    const meaning = [option.description, ...facts].join('; ');
    const flag = flagText(name, option);
    return `| \`${flag}\` | \`${variable}\` | ${expectation(option)} | ${meaning} |`;
  });
  const prose = [...(command.rules ?? []).map(ruleText), ...(command.notes ?? [])];
  return [
    `### \`turnpike ${path.join(' ')}${words}\``,
    description,
    ['| Flag | Variable | Value | Meaning |', '|---|---|---|---|', ...rows].join('\n'),
    ...prose,
    ['```sh', ...examples.map(({ purpose, line }) => `# ${purpose}\n${line}`), '```'].join('\n'),
  ].join('\n\n');
}

/** Returns the YAML keys of a command. */
export function keysOf(command: CommandDefinition): string[] {
  return allOptions(command)
    .filter(([, option]) => option.notInFile !== true)
    .map(([name]) => optionKey(name));
}

if (process.argv[1] === fileURLToPath(import.meta.url)) {
  writeFileSync(PAGE, renewed(readFileSync(PAGE, 'utf8')));
}
