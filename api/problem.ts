import { STATUS_CODES } from 'node:http';
import type { FastifyError, FastifyReply, FastifyRequest } from 'fastify';
import type { Logger } from 'pino';
import { isAppError } from '../schemas/errors.ts';
import type { ErrorCode } from '../schemas/errors.ts';

/** Media type of every error answer (RFC 9457). */
export const PROBLEM_TYPE = 'application/problem+json';

/** Codes of answers besides those of AppError. */
export type ProblemCode =
  | ErrorCode
  | 'confirmation-needed'
  | 'method-not-allowed'
  | 'precondition-required'
  | 'rate-limited'
  | 'busy'
  | 'too-large'
  | 'bad-request'
  | 'internal';

/** The body of every error answer. `code` is what programs look at, `detail` is for people. */
export interface ProblemBody {
  type: 'about:blank';
  title: string;
  status: number;
  detail: string;
  code: ProblemCode;
  /** where a request holds several records: each that can not be taken, by its index from 0 */
  records?: readonly BadRecord[];
}

/** One record of a request and what is wrong with it. */
export interface BadRecord {
  index: number;
  detail: string;
}

/** An answer that is thrown: from a hook or handler to the error handler. */
export class Problem extends Error {
  readonly status: number;
  readonly code: ProblemCode;
  readonly records: readonly BadRecord[] | null;

  constructor(
    status: number,
    code: ProblemCode,
    detail: string,
    records: readonly BadRecord[] | null = null,
  ) {
    super(detail);
    this.name = 'Problem';
    this.status = status;
    this.code = code;
    this.records = records;
  }
}

/** Operating errors that are the caller's business; all others are ours. */
const STATUS_OF: Partial<Record<ErrorCode, number>> = {
  'invalid-input': 400,
  unauthorised: 401,
  forbidden: 403,
  'not-found': 404,
  conflict: 409,
  'precondition-failed': 412,
  'idempotency-mismatch': 422,
  unreachable: 503,
  timeout: 503,
  'store-unknown-outcome': 503,
  'registry-unavailable': 503,
  'log-append-failed': 503,
  stopped: 503,
};

/** What to answer to what was thrown. What is our fault is told in general terms: the log has the rest. */
export function problemOf(error: unknown): Problem {
  if (error instanceof Problem) return error;
  if (isAppError(error)) {
    const status = STATUS_OF[error.code] ?? 500;
    // Two changes in each other's way (a deadlock): the same request may go through next time.
    if (status < 500 && error.retriable)
      return new Problem(503, 'busy', 'others change the same at the moment; try again');
    if (status < 500) return new Problem(status, error.code, error.message);
    return status === 503
      ? new Problem(503, error.code, 'a server that this needs does not answer at the moment; try again')
      : internal();
  }
  const { validation, statusCode, message } = (error ?? {}) as Partial<FastifyError>;
  if (validation !== undefined) return new Problem(400, 'invalid-input', message ?? 'invalid input');
  if (statusCode === undefined || statusCode >= 500) {
    return statusCode === 503
      ? new Problem(503, 'stopped', 'not available at the moment; try again')
      : internal();
  }
  return new Problem(statusCode, statusCode === 413 ? 'too-large' : 'bad-request', message ?? 'bad request');
}

function internal(): Problem {
  return new Problem(500, 'internal', 'an error of Weir; its log tells more');
}

/** The error handler of the server. */
export function answerError(log: Pick<Logger, 'error' | 'warn'>) {
  return (error: unknown, request: FastifyRequest, reply: FastifyReply): FastifyReply => {
    const problem = problemOf(error);
    const route = request.routeOptions.url ?? 'unknown route';
    if (problem.status === 500) log.error({ err: error, route }, 'request failed');
    if (problem.status === 503) log.warn({ err: error, route }, 'request failed');
    return sendProblem(reply, problem);
  };
}

export function sendProblem(reply: FastifyReply, problem: Problem): FastifyReply {
  const { status, code, message, records } = problem;
  const title = STATUS_CODES[status] ?? 'Error';
  const body: ProblemBody = { type: 'about:blank', title, status, detail: message, code };
  if (records !== null) body.records = records;
  if (status === 503 || code === 'busy') void reply.header('retry-after', '1');
  if (status === 401) void reply.header('www-authenticate', 'Bearer realm="weir"');
  return reply.code(status).type(PROBLEM_TYPE).send(body);
}
