import t from 'tap';
import type { CommandDefinition } from '../../src/cli/command.js';
import { COMMANDS } from '../../src/cli/commands/index.js';
import { COMMON_OPTIONS, type OptionTable, optionKey } from '../../src/cli/config/option.js';
import { resolveConfig } from '../../src/cli/config/resolve.js';
import { documents, type SourceFile } from '../house/source-files.js';

/** What begins a command of the program in a line of a shell, alone or after another command. */
const START = /(?:^|[|;(]\s*|sudo )turnpike /;

/** What ends a command in a line of a shell: the next one, a redirection, a comment. */
const END = /^([|&;)#]|[<>])/;

type Flags = Record<string, string | boolean | string[]>;

/** Returns the words after each `turnpike` of the examples for a shell. */
function commandsOf({ text }: SourceFile): string[][] {
  return [...text.matchAll(/^```sh\n([\s\S]*?)^```$/gm)]
    .flatMap(([, shell = '']) => shell.replaceAll('\\\n', ' ').split('\n'))
    .filter((line) => !line.startsWith('#'))
    .flatMap((line) => line.split(START).slice(1))
    .map((rest) => wordsOf(rest));
}

function wordsOf(rest: string): string[] {
  const words = rest.match(/'[^']*'|;|\)|[^\s;)]+/g) ?? [];
  const end = words.findIndex((word) => END.test(word));
  return (end < 0 ? words : words.slice(0, end)).map((word) => word.replaceAll("'", ''));
}

/** Returns the command that the words name, and the words after its name. */
function commandOf(words: readonly string[]) {
  const command = COMMANDS.find(({ path }) => path.every((word, at) => words[at] === word));
  return command && { command, rest: words.slice(command.path.length) };
}

/** Returns the flags as the program has them, and the words that are none. */
function parsed({ options }: CommandDefinition, words: readonly string[]) {
  const all: OptionTable = { ...options, ...COMMON_OPTIONS };
  const table = Object.entries(all);
  const flags: Flags = {};
  const others: string[] = [];
  const rest = [...words];
  for (let word = rest.shift(); word !== undefined; word = rest.shift()) {
    const [name, option] = table.find(([each]) => `--${optionKey(each)}` === word) ?? [];
    if (name === undefined || option === undefined) others.push(word);
    else if (option.kind === 'boolean') flags[name] = true;
    else if (option.repeat !== true) flags[name] = rest.shift() ?? '';
    else flags[name] = [...([flags[name] ?? []].flat() as string[]), rest.shift() ?? ''];
  }
  return { flags, others };
}

/** Returns why the program would refuse a command line, apart from what files hold. */
async function refusalOf(words: readonly string[]): Promise<string> {
  const found = commandOf(words);
  if (found === undefined) return 'no such command';
  const { path, options, rules = [], arguments: positional = [] } = found.command;
  const { flags, others } = parsed(found.command, found.rest);
  const needed = positional.filter(({ optional }) => optional !== true).length;
  const isFit = others.length >= needed && others.length <= positional.length;
  if (!isFit) return `${others.join(' ')}: not understood`;
  const { config, ...given } = flags;
  const hasFile = config !== undefined || given.coturnConfig !== undefined;
  const optional = Object.entries(options).map(([name, { required: _, ...each }]) => [name, each]);
  const table = hasFile ? Object.fromEntries(optional) : options;
  const input = { path, options: table, rules: hasFile ? [] : rules, flags: given, env: {} };
  return resolveConfig(input).then(() => '', String);
}

const examples = documents().flatMap((document) =>
  commandsOf(document).map((words) => ({ document: document.path, words })),
);

t.test('the program takes every command of the documents', async (t) => {
  t.ok(examples.length > 30, `${examples.length} commands`);
  for (const { document, words } of examples) {
    t.equal(await refusalOf(words), '', `${document}: turnpike ${words.join(' ')}`);
  }
});

t.test('a command that the program refuses is found', async (t) => {
  const refused = [
    'turn --user alice:secret --relays',
    'turn',
    'turn --listen 1 --user a:b',
    'run',
  ];
  for (const line of refused) t.not(await refusalOf(line.split(' ')), '', line);
});
