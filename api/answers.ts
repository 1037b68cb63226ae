import { PROBLEM_TYPE } from './problem.ts';
import type { VIEW_SCHEMAS } from './view-schemas.ts';

type Answers = Record<string, { description: string; content: Record<string, { schema: { $ref: string } }> }>;

/**
 * The `response` part of a route's schema: named views by status, and problems for everything else. An answer is
 * written by its schema, so a field that the schema does not have never leaves.
 */
export function answers(
  views: Record<number, [view: keyof typeof VIEW_SCHEMAS, description: string]>,
): Answers {
  const described = Object.entries(views).map(([status, [view, description]]) => [
    status,
    { description, content: { 'application/json': { schema: { $ref: `${view}#` } } } },
  ]);
  const problem = {
    description: 'What was wrong',
    content: { [PROBLEM_TYPE]: { schema: { $ref: 'Problem#' } } },
  };
  return { ...Object.fromEntries(described), default: problem } as Answers;
}
