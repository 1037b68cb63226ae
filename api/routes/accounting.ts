import type { FastifyInstance, FastifyRequest } from 'fastify';
import type { Ingest, IngestBody, IngestOutcome } from '../../pipeline/ingest/ingest.ts';
import { MAX_INGEST_BYTES, MAX_INGEST_RECORDS } from '../../pipeline/ingest/ingest.ts';
import { answers } from '../answers.ts';
import { IDEMPOTENCY_KEY } from '../idempotency.ts';
import { Problem } from '../problem.ts';

/** What takes accounting records into the log; pipeline/ingest is it. */
export type AccountingIntake = Pick<Ingest, 'take' | 'turnsAway'>;

const AVRO_TYPES = ['application/vnd.apache.avro', 'avro/binary'];
const EVENT_TIME = 'weir-event-time';
const utf8 = new TextDecoder('utf-8', { fatal: true, ignoreBOM: false });

const PACKET = {
  type: 'object',
  description:
    'A RADIUS packet as rlm_rest of FreeRADIUS 3 sends it: attribute names with `{"type", "value": [...]}` or a plain value',
} as const;
const RECORD = {
  type: 'object',
  description: 'A record with the fields of accounting-record.avsc',
} as const;
const LIST = { type: 'array', maxItems: MAX_INGEST_RECORDS, items: { anyOf: [PACKET, RECORD] } } as const;
const BATCH = {
  type: 'object',
  properties: { records: LIST },
  required: ['records'],
} as const;

const SCHEMA = {
  summary: 'Accounting records for the log, all of a request or none',
  tags: ['feeds'],
  headers: {
    type: 'object',
    properties: {
      [EVENT_TIME]: {
        type: 'string',
        description:
          'Event-Timestamp of a RADIUS packet, seconds since 1970; FreeRADIUS writes local time into JSON',
      },
      'idempotency-key': {
        ...IDEMPOTENCY_KEY,
        description: 'not needed: a record that comes again is known by what it says',
      },
    },
  },
  body: {
    content: {
      'application/json': { schema: { anyOf: [PACKET, RECORD, LIST, BATCH] } },
      ...Object.fromEntries(
        AVRO_TYPES.map((type) => [
          type,
          {
            schema: {
              type: 'string',
              format: 'binary',
              description: 'An object container file, or one record in single-object encoding',
            },
          },
        ]),
      ),
    },
  },
  response: {
    204: { type: 'null', description: 'Everything is durable in the log; sending it again is harmless' },
    ...answers({}),
  },
} as const;

/**
 * `POST /v1/accounting`. 204 once the log has all records; 400 with the index of every bad one and then nothing is taken;
 * 413, 415; 429 and Retry-After while too much waits for the log; 503 and Retry-After when log or directory do not answer.
 *
 * @param ratePerMinute requests a minute and address
 */
export async function accountingRoutes(
  app: FastifyInstance,
  intake: AccountingIntake,
  ratePerMinute: number,
): Promise<void> {
  // A scope of its own: body parsers of this route are not those of the others.
  await app.register((scope, _, done) => {
    scope.removeAllContentTypeParsers();
    const limits = { parseAs: 'buffer', bodyLimit: MAX_INGEST_BYTES } as const;
    scope.addContentTypeParser('application/json', limits, async (request: FastifyRequest, body: Buffer) =>
      jsonBody(body, request.headers[EVENT_TIME]),
    );
    scope.addContentTypeParser(
      AVRO_TYPES,
      limits,
      async (_request: FastifyRequest, bytes: Buffer): Promise<IngestBody> => ({ form: 'avro', bytes }),
    );
    scope.post<{ Body: IngestBody | undefined }>(
      '/v1/accounting',
      {
        config: { roles: ['feed'], rateLimit: { max: ratePerMinute, timeWindow: '1 minute' } },
        bodyLimit: MAX_INGEST_BYTES,
        schema: SCHEMA,
        // The schema is for readers: bodies are checked record by record, by the rules of the log.
        validatorCompiler: () => () => true,
        // After the key, before the body is read.
        preParsing: async () => {
          if (intake.turnsAway()) throw busy();
        },
      },
      async ({ body, apiKey }, reply) => {
        if (body === undefined || body === null) throw new Problem(400, 'invalid-input', 'there is no body');
        const problem = problemOf(await intake.take(apiKey?.name ?? '', body));
        if (problem !== null) throw problem;
        return reply.code(204).send();
      },
    );
    done();
  });
}

function problemOf(outcome: IngestOutcome): Problem | null {
  switch (outcome.kind) {
    case 'stored':
      return null;
    case 'busy':
      return busy();
    case 'unreadable':
      return outcome.tooLarge
        ? new Problem(413, 'too-large', outcome.detail)
        : new Problem(400, 'invalid-input', outcome.detail);
    case 'refused': {
      const [first] = outcome.faults;
      const count = outcome.faults.length;
      const detail = `nothing was taken: ${count} bad ${count === 1 ? 'record' : 'records'}, the first at ${first?.index ?? 0}: ${first?.detail ?? ''}`;
      return new Problem(400, 'invalid-input', detail, outcome.faults);
    }
  }
}

function busy(): Problem {
  return new Problem(429, 'busy', 'too many records wait for the log; send it again in a second');
}

function jsonBody(body: Buffer, eventTime: string | string[] | undefined): IngestBody {
  if (Array.isArray(eventTime)) throw new Problem(400, 'invalid-input', 'Weir-Event-Time is there twice');
  try {
    const value: unknown = JSON.parse(utf8.decode(body));
    return { form: 'json', value, byteLength: body.length, eventTime: eventTime?.trim() || null };
  } catch {
    throw new Problem(400, 'bad-request', 'the body is not UTF-8 JSON');
  }
}
