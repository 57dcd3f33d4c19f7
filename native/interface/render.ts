import { createHash } from 'node:crypto';
import { readFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import ts from 'typescript';
import {
  COUNTERS,
  type CounterMeaning,
  IO_COUNTERS,
  VERDICT_COUNTERS,
} from '../../src/native/counters.js';
import type { FieldType, Layout } from '../../src/native/interface.js';
import * as described from '../../src/native/interface.js';

const ROOT = dirname(dirname(dirname(fileURLToPath(import.meta.url))));
const COLUMNS = 100;
const MADE = 'Made from src/native/interface.ts and counters.ts by `npm run build:interface`.';

const { DATA_PLANE_LIMITS } = described;

/**
 * Structs that are written by hand in C++ because they have methods. The generated checks compare
 * their layout.
 */
const OWN_STRUCTS: readonly (readonly [name: string, layout: Layout<string>])[] = [
  ['TransportAddress', described.TRANSPORT_ADDRESS],
  ['FiveTuple', described.FIVE_TUPLE],
  ['TrunkTraffic', described.TRUNK_TRAFFIC],
];
/** Such structs with private members: only the size is compared. */
const OPAQUE_STRUCTS: readonly (readonly [name: string, layout: Layout<string>])[] = [
  ['LegTraffic', described.LEG_TRAFFIC],
];
const STRUCTS: Readonly<Record<string, Layout<string>>> = {
  FlowCommand: described.FLOW_COMMAND,
  EndpointCommand: described.ENDPOINT_COMMAND,
  RemoteRelayCommand: described.REMOTE_RELAY_COMMAND,
  TrunkKeyEntry: described.TRUNK_KEY,
  TrunkPathEntry: described.TRUNK_PATH,
  PuntedDatagram: described.PUNTED_DATAGRAM,
  PuntedEvent: described.PUNTED_EVENT,
  EndpointReport: described.ENDPOINT_REPORT,
};
/** C++ name, name in interface.ts, and members. */
const ENUMS: readonly (readonly [string, string, Readonly<Record<string, number>>])[] = [
  ['StatusCode', 'Status', described.Status],
  ['Side', 'SIDE_NUMBERS', described.SIDE_NUMBERS],
  ['EndpointKind', 'ENDPOINT_KIND_NUMBERS', described.ENDPOINT_KIND_NUMBERS],
  ['Heard', 'HEARD_NUMBERS', described.HEARD_NUMBERS],
  ['FlowChannel', 'FlowChannel', described.FlowChannel],
  ['PuntKind', 'PuntKind', described.PuntKind],
  ['LegField', 'LegField', described.LegField],
];
/** The lane after the sets of data and the set of path probes. */
const FAST_PATH_LANE_FIRST = DATA_PLANE_LIMITS.workersMax * (DATA_PLANE_LIMITS.laneSets + 1);
/** Macros of the BPF program and their names in DATA_PLANE_LIMITS. */
const BPF_MACROS: Readonly<Record<string, number>> = {
  TP_RECEIVE_KEYS: DATA_PLANE_LIMITS.receiveKeysMax,
  TP_SOCKETS_PER_SIDE: DATA_PLANE_LIMITS.addressesPerSideMax,
  TP_WORKERS_MAX: DATA_PLANE_LIMITS.workersMax,
  TP_LANE_FIRST: FAST_PATH_LANE_FIRST,
  TP_LANES: DATA_PLANE_LIMITS.lanes - FAST_PATH_LANE_FIRST,
  TP_SEQUENCE_GAP_MAX: DATA_PLANE_LIMITS.sessionSequenceGapMax,
};

const CPP_TYPES: Readonly<Record<string, string>> = {
  u8: 'uint8_t',
  u16: 'uint16_t',
  u32: 'uint32_t',
  u64: 'uint64_t',
  ip: 'IpAddress',
  handle: 'TransportHandle',
};

const NAME_OF_VERDICT =
  'inline const char* NameOf(Verdict verdict) {' +
  ' return kCounterNames[static_cast<uint8_t>(verdict)]; }';

/** Formats a number with digit separators. */
const cppNumber = (value: number) => String(value).replace(/\B(?=(\d{3})+$)/g, "'");
const pascal = (name: string) =>
  name.replace(/(?:^|_)(\w)/g, (_, letter: string) => letter.toUpperCase());
const snake = (name: string) => name.replace(/[A-Z]/g, (letter) => `_${letter.toLowerCase()}`);

/** Wraps a text into comment lines. */
function comment(text: string, indent = ''): string[] {
  const lines: string[] = [];
  let line = `${indent}//`;
  for (const word of text.split(/\s+/)) {
    if (line.length + 1 + word.length > COLUMNS) {
      lines.push(line);
      line = `${indent}//`;
    }
    line += ` ${word}`;
  }
  return [...lines, line];
}

/** Returns the text of the comment before a node. */
function docOf(text: string, node: ts.Node): string {
  const range = ts.getLeadingCommentRanges(text, node.getFullStart())?.at(-1);
  const raw = range === undefined ? '' : text.slice(range.pos, range.end);
  return raw
    .replace(/^\/\*\*?|\*\/$/g, '')
    .replace(/^\s*\* ?/gm, '')
    .replace(/\s+/g, ' ')
    .trim();
}

/**
 * Returns the comments of interface.ts, keyed by `NAME` for exports and `NAME.member` for members.
 */
function readDocs(): Map<string, string> {
  const text = readFileSync(join(ROOT, 'src/native/interface.ts'), 'utf8');
  const docs = new Map<string, string>();
  const source = ts.createSourceFile('interface.ts', text, ts.ScriptTarget.ES2022, true);
  for (const statement of source.statements) {
    if (!ts.isVariableStatement(statement)) continue;
    for (const { name, initializer } of statement.declarationList.declarations) {
      docs.set(name.getText(), docOf(text, statement));
      const value = initializer && ts.isAsExpression(initializer) ? initializer.expression : null;
      if (value === null || !ts.isObjectLiteralExpression(value)) continue;
      for (const member of value.properties) {
        docs.set(`${name.getText()}.${member.name?.getText()}`, docOf(text, member));
      }
    }
  }
  return docs;
}

function limitLines(docs: ReadonlyMap<string, string>): string[] {
  return Object.entries(DATA_PLANE_LIMITS).flatMap(([name, value]) => [
    ...comment(docs.get(`DATA_PLANE_LIMITS.${name}`) ?? ''),
    `inline constexpr uint32_t k${pascal(name)} = ${cppNumber(value)};`,
  ]);
}

function enumLines(docs: ReadonlyMap<string, string>): string[] {
  return ENUMS.flatMap(([cpp, name, members]) => [
    '',
    ...comment(docs.get(name) ?? ''),
    `enum class ${cpp} : uint8_t {`,
    ...Object.entries(members).flatMap(([member, value]) => {
      const doc = docs.get(`${name}.${member}`);
      return [...(doc ? comment(doc, '  ') : []), `  k${pascal(member)} = ${value},`];
    }),
    '};',
  ]);
}

/** Returns the name of the struct of a layout. */
function structOf(layout: FieldType): string {
  const all = [...OWN_STRUCTS, ...Object.entries(STRUCTS)];
  const found = all.find(([, each]) => each === layout);
  if (found === undefined) throw new Error('a layout inside of another has no struct');
  return found[0];
}

function fieldLine(name: string, type: FieldType): string {
  if (type === 'key') return `  uint8_t ${snake(name)}[16];`;
  const cpp = typeof type === 'object' ? structOf(type) : (CPP_TYPES[type] ?? type);
  return `  ${cpp} ${snake(name)};`;
}

/** Returns assertions that a struct's fields are at the layout's offsets. */
function checkLines(name: string, layout: Layout<string>): string[] {
  return [
    `static_assert(sizeof(${name}) == ${layout.bytes});`,
    ...Object.entries(layout.at).map(
      ([field, offset]) => `static_assert(offsetof(${name}, ${snake(field)}) == ${offset});`,
    ),
  ];
}

const docName = (cpp: string) =>
  ({ TrunkKeyEntry: 'TRUNK_KEY', TrunkPathEntry: 'TRUNK_PATH' })[cpp] ??
  snake(cpp).slice(1).toUpperCase();

function structLines(docs: ReadonlyMap<string, string>): string[] {
  return Object.entries(STRUCTS).flatMap(([name, layout]) => [
    '',
    ...comment(docs.get(docName(name)) ?? ''),
    `struct ${name} {`,
    ...Object.entries(layout.fields).map(([field, type]) => fieldLine(field, type)),
    '};',
    ...checkLines(name, layout),
  ]);
}

function counterLines(counters: Readonly<Record<string, CounterMeaning>>): string[] {
  return Object.entries(counters).flatMap(([name, { unit, dropped, means }]) => [
    ...comment(`${dropped ? 'Dropped ' : ''}${unit}: ${means}.`, '  '),
    `  k${pascal(name)},`,
  ]);
}

const nameLines = (counters: object) => Object.keys(counters).map((name) => `    "${name}",`);

/** Returns a C++ header. */
function header(about: string, includes: readonly string[], lines: readonly string[]): string {
  return `${[
    ...comment(`${about} ${MADE}`),
    '#pragma once',
    '',
    ...includes.map((each) => (each === '' ? '' : `#include ${each}`)),
    ...(includes.length > 0 ? [''] : []),
    'namespace turnpike {',
    '',
    ...lines,
    '',
    '}  // namespace turnpike',
  ].join('\n')}\n`;
}

function macroFile(): string {
  return `${[
    '/* SPDX-License-Identifier: Apache-2.0 */',
    '/* Limits that the BPF program has in common with the data plane.',
    ` * ${MADE} */`,
    '#ifndef TURNPIKE_XDP_LIMITS_H_',
    '#define TURNPIKE_XDP_LIMITS_H_',
    '',
    ...Object.entries(BPF_MACROS).map(([name, value]) => `#define ${name} ${value}`),
    '',
    '#endif',
  ].join('\n')}\n`;
}

/** Returns both enums and the names in the order of a row of counters. */
function counterNameLines(): string[] {
  return [
    'enum class Verdict : uint8_t {',
    ...counterLines(VERDICT_COUNTERS),
    '};',
    '',
    "// A verdict's counter has the verdict's number.",
    'enum class Counter : uint8_t {',
    ...Object.keys(VERDICT_COUNTERS).map((name) => `  k${pascal(name)},`),
    ...counterLines(IO_COUNTERS),
    '};',
    '',
    'inline constexpr const char* kCounterNames[] = {',
    ...nameLines(COUNTERS),
    '};',
    `inline constexpr size_t kCounterCount = ${Object.keys(COUNTERS).length};`,
    '',
    NAME_OF_VERDICT,
  ];
}

/** Returns the declarations of the addon without comments. */
function bindingText(): string {
  const text = readFileSync(join(ROOT, 'src/native/binding.ts'), 'utf8');
  const source = ts.createSourceFile('binding.ts', text, ts.ScriptTarget.ES2022, true);
  return ts.createPrinter({ removeComments: true }).printFile(source);
}

/**
 * Returns a number that changes whenever the interface changes, so that an addon of another build
 * is rejected.
 */
function contract(): number {
  const content = JSON.stringify([described, Object.keys(COUNTERS), bindingText()]);
  return createHash('sha256').update(content).digest().readUInt32BE(0);
}

/** Returns the generated files: text by path. */
export function renderInterface(): Map<string, string> {
  const docs = readDocs();
  const number = contract();
  return new Map([
    ['native/contract.json', `{ "contract": ${number} }\n`],
    [
      'native/base/interface.h',
      header(
        'Limits and kinds that TypeScript has too.',
        ['<cstdint>'],
        [
          ...comment('Compared by native/locate.cjs when it loads the addon.'),
          `inline constexpr uint32_t kBindingContract = ${number};`,
          '',
          ...limitLines(docs),
          ...comment(docs.get('EVERY_WORKER') ?? ''),
          'inline constexpr uint32_t kEveryWorker = 0xffffffff;',
          ...enumLines(docs),
        ],
      ),
    ],
    [
      'native/base/counter_names.h',
      header(
        'Every counter, and the verdicts, which come first.',
        ['<cstddef>', '<cstdint>'],
        counterNameLines(),
      ),
    ],
    [
      'native/table/interface_structs.h',
      header(
        'Memory that TypeScript writes and C++ reads, or the reverse.',
        ['<cstddef>', '<cstdint>', '', '"base/interface.h"', '"table/five_tuple.h"'],
        [
          ...OWN_STRUCTS.filter(([name]) => name !== 'TrunkTraffic').flatMap(([name, each]) =>
            checkLines(name, each),
          ),
          ...structLines(docs),
        ],
      ),
    ],
    [
      'native/binding/interface_checks.h',
      header(
        'That structs which TypeScript reads are laid out as it has them.',
        ['<cstddef>', '', '"table/leg_traffic.h"', '"table/remote_relays.h"'],
        [
          ...OWN_STRUCTS.filter(([name]) => name === 'TrunkTraffic').flatMap(([name, each]) =>
            checkLines(name, each),
          ),
          ...OPAQUE_STRUCTS.map(
            ([name, { bytes }]) => `static_assert(sizeof(${name}) == ${bytes});`,
          ),
        ],
      ),
    ],
    ['native/xdp/limits.h', macroFile()],
  ]);
}
