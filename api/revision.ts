import type { FastifyReply } from 'fastify';
import { Problem } from './problem.ts';

/** Header schema of changes that ask for the revision that they were made from. */
export const IF_MATCH = {
  type: 'string',
  maxLength: 40,
  description: 'ETag of the resource as it was read, such as "3"; it must be that still',
} as const;

/** A strong tag of a revision; weak ones never match (RFC 9110, 13.1.1). */
const TAG = /^"(0|[1-9][0-9]{0,15})"$/;

/** Says which revision an answer shows. */
export function tagged(reply: FastifyReply, revision: number): void {
  void reply.header('etag', `"${revision}"`);
}

/**
 * The revision that If-Match names; undefined where there is none, or any will do (`*`).
 *
 * @throws Problem 400 for several tags: one revision is changed, so one was read. 412 for a tag that is none of ours
 */
export function ifMatch(header: string | undefined): number | undefined {
  const text = header?.trim();
  if (text === undefined || text === '*') return undefined;
  const match = TAG.exec(text);
  if (match !== null) return Number(match[1]);
  if (text.includes(',')) throw new Problem(400, 'invalid-input', 'If-Match names several tags: name one');
  throw new Problem(412, 'precondition-failed', 'If-Match is no ETag that was given out');
}

/**
 * The revision that a change of the whole resource must be made from: 0 where there is none yet and nobody names one.
 *
 * @param stored what is there now, null = nothing
 * @throws Problem 428 where there is one and nobody says which they know; as ifMatch
 */
export function requiredRevision(header: string | undefined, stored: number | null): number | undefined {
  if (stored === null) {
    if (header === undefined) return 0;
    throw new Problem(412, 'precondition-failed', 'If-Match, and there is nothing yet');
  }
  if (header !== undefined) return ifMatch(header);
  throw new Problem(
    428,
    'precondition-required',
    'this is there already: read it and send its ETag as If-Match',
  );
}
