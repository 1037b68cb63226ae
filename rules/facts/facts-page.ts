import { EVENTS } from '../lint/check-event.ts';
import { FINDING_CODES } from '../lint/finding.ts';
import { DECORATOR_DESCRIPTIONS, OPERATOR_DESCRIPTIONS } from '../lint/operator-forms.ts';
import { POOL_FACTS } from '../lint/pool-facts.ts';
import type { FactDefinition } from './catalogue.ts';
import { CLASS_FACTS, FACTS } from './catalogue.ts';

/** Markdown of docs/facts.md: facts, operators, events and finding codes, made from what the program itself uses. */
export function factsPage(): string {
  return [
    HEAD,
    '## Facts',
    factTable(FACTS),
    'Policies with `"subject": "pool"` may ask about these only: ' +
      [...POOL_FACTS].map((name) => `\`${name}\``).join(', ') +
      '.',
    '## Facts of a service class',
    "Of the fact `byClass`, by path: `$.video.dayBytes`, or `$['my class'].dayBytes`. A class without usage has none of them.",
    factTable(CLASS_FACTS),
    '## Operators',
    table(['operator', 'it holds when'], Object.entries(OPERATOR_DESCRIPTIONS)),
    DECORATORS,
    table(['decorator', 'meaning'], Object.entries(DECORATOR_DESCRIPTIONS)),
    '## Events',
    table(
      ['event', 'what it does', 'parameters'],
      Object.entries(EVENTS).map(([name, { about, params }]) => [
        name,
        about,
        params.map((param) => `\`${param}\``).join(', '),
      ]),
    ),
    '## Findings of `weir policy lint`',
    'A file with an error never comes into force. Warnings do not stop it; `--strict` makes them fail the command.',
    table(
      ['code', 'severity', 'name', 'meaning'],
      Object.entries(FINDING_CODES).map(([code, [severity, name, meaning]]) => [
        code,
        severity,
        name,
        meaning,
      ]),
    ),
    '',
  ]
    .join('\n\n')
    .replace(/\n+$/, '\n');
}

const HEAD = `# Facts, operators, events and findings

What a policy can ask about, how it compares, what it can do, and what the checks say of it. This page is made from the
program. How to write a policy: [policies.md](policies.md).`;

const DECORATORS =
  'Decorators stand before an operator, each with a colon: `someFact:equal`, `not:in`. The leftmost is the outermost.';

function factTable(facts: Readonly<Record<string, FactDefinition>>): string {
  return table(
    ['fact', 'type', 'unit', 'may be null', 'example', 'what it is'],
    Object.entries(facts).map(([name, fact]) => [
      name,
      typeOf(fact),
      fact.unit,
      fact.nullable ? 'yes' : '',
      fact.type === 'classes' ? '' : `\`${JSON.stringify(fact.example)}\``,
      fact.description,
    ]),
  );
}

function typeOf({ type, values, min, max }: FactDefinition): string {
  if (values !== undefined) return values.map((value) => `"${value}"`).join(', ');
  const range = min === undefined ? '' : max === undefined ? `, ${min} or more` : `, ${min} to ${max}`;
  switch (type) {
    case 'number':
      return `number${range}`;
    case 'string':
      return 'text';
    case 'boolean':
      return 'true or false';
    case 'strings':
      return 'list of texts';
    case 'classes':
      return 'by path';
  }
}

/** A table whose first column is code. */
function table(head: readonly string[], rows: readonly (readonly string[])[]): string {
  const line = (cells: readonly string[]): string =>
    `| ${cells.map((cell) => cell.replaceAll('|', '\\|')).join(' | ')} |`;
  return [
    line(head),
    `|${head.map(() => '---').join('|')}|`,
    ...rows.map(([first = '', ...rest]) => line([`\`${first}\``, ...rest])),
  ].join('\n');
}
