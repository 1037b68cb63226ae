import type { FastifyInstance } from 'fastify';
import { encodeControl } from '../../pipeline/decode/control-codec.ts';
import { NEWEST_BLOB_VERSION } from '../../pipeline/fold/slot-state.ts';
import type { OperatorCommand } from '../../schemas/control.ts';
import type { TakenView } from '../../schemas/feed-views.ts';
import type { SubscriberView } from '../../schemas/views.ts';
import type { Directory } from '../../storage/people-ports.ts';
import { answers } from '../answers.ts';
import { INSTANT, instantMs } from '../instant.ts';
import { NAME, NAME_PATTERN } from '../names.ts';
import { Problem } from '../problem.ts';

const SIGNED = {
  type: 'string',
  pattern: '^-?[0-9]{1,16}$',
  description: 'octets, decimal, signed',
} as const;

const PARAMS = {
  type: 'object',
  properties: { id: { ...NAME, maxLength: 128, description: 'subscriber id' } },
  required: ['id'],
  additionalProperties: false,
} as const;

/** One schema a command: of several that could fit, nobody could say what is wrong. */
const COMMAND = {
  type: 'object',
  discriminator: { propertyName: 'type' },
  required: ['type'],
  oneOf: [
    {
      description: 'ends an open session with what was counted',
      properties: { type: { const: 'close-session' }, nasId: NAME, sessionId: NAME },
      required: ['nasId', 'sessionId'],
      additionalProperties: false,
    },
    {
      description: 'corrects the usage of the cycle that `at` lies in',
      properties: {
        type: { const: 'adjust' },
        at: INSTANT,
        downBytes: SIGNED,
        upBytes: SIGNED,
        reason: { type: 'string', minLength: 1, maxLength: 500, pattern: NAME_PATTERN },
      },
      required: ['at', 'downBytes', 'upBytes', 'reason'],
      additionalProperties: false,
    },
    {
      description: 'decides anew, and lets go of what an absurd record held back',
      properties: { type: { const: 're-evaluate' } },
      additionalProperties: false,
    },
  ],
} as const;

const FOLD_VERSION = {
  type: 'object',
  properties: { version: { type: 'integer', minimum: 1, maximum: 255 } },
  required: ['version'],
  additionalProperties: false,
} as const;

type Body =
  | { type: 'close-session'; nasId: string; sessionId: string }
  | { type: 'adjust'; at: string; downBytes: string; upBytes: string; reason: string }
  | { type: 're-evaluate' };

/** What the routes of commands use. */
export interface CommandSources {
  subscriber(id: string): Promise<SubscriberView | null>;
  directory: Pick<Directory, 'command' | 'raiseFoldVersion' | 'subscriber'>;
}

/** What an operator may tell the log: commands to one subscriber, and the layout that state is written in. */
export function commandRoutes(app: FastifyInstance, { subscriber, directory }: CommandSources): void {
  app.post<{ Params: { id: string }; Body: Body }>(
    '/v1/subscribers/:id/commands',
    {
      config: { roles: ['operator'] },
      schema: {
        summary: 'Close a session, correct usage, or decide anew',
        tags: ['usage'],
        params: PARAMS,
        body: COMMAND,
        response: answers({
          202: ['Taken', 'Durable; it takes effect when the log comes to it, within seconds'],
        }),
      },
    },
    async ({ params: { id }, body, apiKey }, reply) => {
      const command = commandOf(id, body, apiKey?.name ?? '');
      // What the log's readers would refuse must not get in.
      encodeControl({ kind: 'operator', command });
      await refuseVain(command, { subscriber, directory });
      await directory.command(command);
      return reply.code(202).send({ of: id, change: body.type, by: command.by } satisfies TakenView);
    },
  );
  app.post<{ Body: { version: number } }>(
    '/v1/state/fold-version',
    {
      config: { roles: ['admin'] },
      schema: {
        summary: 'Raise the layout that state is written in, once every worker reads it',
        tags: ['operation'],
        body: FOLD_VERSION,
        response: answers({ 202: ['Taken', 'Durable; slots change over as their logs come to it'] }),
      },
    },
    async ({ body: { version }, apiKey }, reply) => {
      // Workers would pass over a layout that they do not know, and nobody would hear of it.
      if (version > NEWEST_BLOB_VERSION)
        throw new Problem(400, 'invalid-input', `this Weir knows layouts up to ${NEWEST_BLOB_VERSION}`);
      await directory.raiseFoldVersion(version);
      const taken: TakenView = { of: String(version), change: 'fold-version', by: apiKey?.name ?? '' };
      return reply.code(202).send(taken);
    },
  );
}

function commandOf(subscriberId: string, body: Body, by: string): OperatorCommand {
  if (body.type !== 'adjust') return { ...body, subscriberId, by };
  const { type, at, downBytes, upBytes, reason } = body;
  const bytes = { downBytes: octetsOf(downBytes, 'downBytes'), upBytes: octetsOf(upBytes, 'upBytes') };
  if (bytes.downBytes === 0 && bytes.upBytes === 0)
    throw new Problem(400, 'invalid-input', 'an adjustment by nothing');
  return { type, subscriberId, atMs: instantMs(at, 'at'), ...bytes, reason, by };
}

function octetsOf(text: string, name: string): number {
  const octets = Number(text);
  // -0 is 0.
  if (Number.isSafeInteger(octets)) return octets === 0 ? 0 : octets;
  throw new Problem(400, 'invalid-input', `${name} is beyond 2^53`);
}

/** A command is carried out later, where nobody sees that it meets nothing: a mistyped id is told now. */
async function refuseVain(
  command: OperatorCommand,
  { subscriber, directory }: CommandSources,
): Promise<void> {
  const { subscriberId } = command;
  const known = command.type !== 'close-session' && (await directory.subscriber(subscriberId)) !== null;
  if (known) return;
  const view = await subscriber(subscriberId);
  if (view === null) throw new Problem(404, 'not-found', 'nothing is known of this subscriber');
  if (command.type !== 'close-session') return;
  const { nasId, sessionId } = command;
  if (view.sessions.some((session) => session.nasId === nasId && session.sessionId === sessionId)) return;
  throw new Problem(404, 'not-found', 'this subscriber has no such open session at this NAS');
}
