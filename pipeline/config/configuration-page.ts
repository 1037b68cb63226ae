import { VARIABLE_GROUPS } from './variables.ts';
import type { Variable } from './variable.ts';

/** Markdown of docs/configuration.md: every variable with its default, form and meaning. */
export function configurationPage(): string {
  const sections = VARIABLE_GROUPS.map(({ title, variables }) =>
    [
      `## ${title}`,
      '',
      '| variable | default | must be | what it is |',
      '|---|---|---|---|',
      ...Object.entries<Variable<unknown>>(variables).map(([name, variable]) => row(name, variable)),
    ].join('\n'),
  );
  return [HEAD, ...sections, ''].join('\n\n').replace(/\n+$/, '\n');
}

const HEAD = `# Configuration

Weir is configured by environment variables alone. They are read once at start and checked as a whole: all faults are
reported at once, and the program ends with exit code 2. An empty variable counts as not set. Unknown \`WEIR_\` variables
are faults. Secrets are never printed. Without any variable the embedded default runs.`;

function row(name: string, variable: Variable<unknown>): string {
  const fallback = variable.fallback === null ? '' : `\`${variable.fallback}\``;
  const only = variable.needs === null ? '' : ` Only with \`${variable.needs}\`.`;
  return `| \`${name}\` | ${fallback} | ${shapeOf(variable)} | ${variable.about}${only} |`;
}

/** A form says what it wants when it is given what it cannot want; secrets take anything. */
function shapeOf(variable: Variable<unknown>): string {
  const issue = variable.form.safeParse('\0').error?.issues[0];
  return issue?.message ?? 'any text';
}
