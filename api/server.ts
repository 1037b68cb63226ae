import type { AddressInfo } from 'node:net';
import helmet from '@fastify/helmet';
import rateLimit from '@fastify/rate-limit';
import swagger from '@fastify/swagger';
import fastify from 'fastify';
import type { FastifyInstance } from 'fastify';
import type { Logger } from 'pino';
import { bindError } from '../pipeline/bind-error.ts';
import type { FeedsQuery } from '../pipeline/views/feeds.ts';
import type { FeedsView } from '../schemas/feed-views.ts';
import type { HealthView, OverviewView, SubscriberView } from '../schemas/views.ts';
import type { ApiKeys, Directory } from '../storage/people-ports.ts';
import type { AdminSources } from './admin-sources.ts';
import { requireKeys } from './auth.ts';
import type { BillingSources } from './billing-sources.ts';
import { refuseVainKeys } from './idempotency.ts';
import { KeyUse } from './key-use.ts';
import { guardMethods } from './method-guard.ts';
import { openApiOptions } from './openapi.ts';
import { answerError, Problem, problemOf, sendProblem } from './problem.ts';
import type { DeadLetterViews } from './routes/dead-letters.ts';
import { deadLetterRoutes } from './routes/dead-letters.ts';
import { accountRoutes } from './routes/accounts.ts';
import { addOnRoutes } from './routes/add-ons.ts';
import { commandRoutes } from './routes/commands.ts';
import { accountingRoutes } from './routes/accounting.ts';
import type { AccountingIntake } from './routes/accounting.ts';
import { auditRoutes } from './routes/audit.ts';
import { billingItemRoutes } from './routes/billing-items.ts';
import { cycleRoutes } from './routes/cycles.ts';
import { documentRoutes } from './routes/documents.ts';
import { feedRoutes } from './routes/feeds.ts';
import { healthRoutes } from './routes/health.ts';
import type { ImportSources } from './routes/imports.ts';
import { importRoutes } from './routes/imports.ts';
import { jobRoutes } from './routes/jobs.ts';
import { keyRoutes } from './routes/keys.ts';
import { nasRoutes } from './routes/nas.ts';
import { planRoutes } from './routes/plans.ts';
import { policyRoutes } from './routes/policies.ts';
import type { PolicyViews } from './routes/policies.ts';
import { poolRoutes } from './routes/pools.ts';
import { previewRoute } from './routes/preview.ts';
import { settingsRoutes } from './routes/provider-settings.ts';
import type { SettingsViews } from './routes/provider-settings.ts';
import { overviewRoutes } from './routes/overview.ts';
import { reconciliationRoutes } from './routes/reconciliations.ts';
import { subjectRoutes } from './routes/subject-rights.ts';
import { subscriberChangeRoutes } from './routes/subscriber-changes.ts';
import { subscriberRoutes } from './routes/subscribers.ts';
import { timelineRoutes } from './routes/timeline.ts';
import type { TimelineViews } from './routes/timeline.ts';
import { topUpRoutes } from './routes/top-ups.ts';
import { boundRequests } from './request-time.ts';
import { answerCompilers, requestCompiler } from './schema-compilers.ts';
import type { TariffSources } from './tariff-sources.ts';
import { watchUnused } from './unused-connections.ts';
import { jsonSchemas } from './view-schemas.ts';
import { viewWriter } from './view-writer.ts';

/** Largest request body; nothing that the API takes is near it. */
const BODY_LIMIT_BYTES = 65_536;
const REQUEST_TIMEOUT_MS = 15_000;
const HANDLER_TIMEOUT_MS = 10_000;
const DEFAULT_RATE_LIMIT = 600;
const DEFAULT_FAILURE_LIMIT = 20;
const DEFAULT_KEY_RATE_LIMIT = 6000;
/** A RADIUS server sends a request a packet; back-pressure is the intake's own. */
const DEFAULT_FEED_RATE_LIMIT = 300_000;

/** What the API shows. May throw AppErrors; 'unreachable' and 'timeout' become 503. */
export interface ApiViews {
  overview(): Promise<OverviewView>;
  /** null = unknown subscriber */
  subscriber(id: string): Promise<SubscriberView | null>;
  health(): Promise<HealthView>;
  ready(): Promise<HealthView>;
  feeds(query: FeedsQuery): Promise<FeedsView>;
  deadLetters: DeadLetterViews;
  policies: PolicyViews & SettingsViews;
  timelines: TimelineViews;
}

export interface ApiOptions {
  views: ApiViews;
  /** what takes accounting records into the log; without it there is no such route */
  intake?: AccountingIntake;
  keys: Pick<ApiKeys, 'find' | 'touch'>;
  /** what routes of tariffs use; without it there are none */
  tariffs?: TariffSources;
  /** what routes of items and reconciliations use; without it there are none */
  billing?: BillingSources;
  /** what routes of jobs, keys and the audit use; without it there are none */
  admin?: AdminSources;
  /** what takes files of subscribers and assignments; without it there is no such route */
  imports?: ImportSources;
  directory: Directory;
  log: Logger;
  /** requests a minute and address, default 600 */
  rateLimit?: number;
  /** the same for accounting records, default 300,000 */
  feedRateLimit?: number;
  /** requests a minute of a key that has no limit of its own, default 6,000 */
  keyRateLimit?: number;
  /** requests a minute and address without a valid key before the answer is 429, default 20 */
  failureLimit?: number;
  /** addresses and networks whose X-Forwarded-For is believed; default nobody's */
  trustedProxies?: readonly string[];
  /** registers further routes */
  routes?: (app: FastifyInstance) => void;
}

export interface Api {
  /** for inject() in tests */
  readonly app: FastifyInstance;
  /**
   * Begins to answer; returns `http://host:port` with the real port where 0 was asked for.
   * @throws AppError 'port-in-use' or 'config-invalid' naming the variable to change
   */
  listen(host: string, port: number): Promise<string>;
  /** Takes no new connections, lets requests in hand end. Idempotent. */
  close(): Promise<void>;
}

/**
 * The HTTP API, not listening yet. Deny by default, nothing coerced or silently dropped, every error a problem document.
 *
 * @throws Error when a route does not declare who may use it
 */
export async function createApi(options: ApiOptions): Promise<Api> {
  const app = newServer(options);
  await app.register(helmet);
  await app.register(rateLimit, {
    max: options.rateLimit ?? DEFAULT_RATE_LIMIT,
    timeWindow: '1 minute',
    errorResponseBuilder: (_, { after }) =>
      new Problem(429, 'rate-limited', `too many requests; wait ${after}`),
  });
  await app.register(swagger, openApiOptions());
  for (const schema of jsonSchemas()) app.addSchema(schema);
  const keyUse = new KeyUse(options.keys, options.log);
  requireKeys(app, {
    keys: options.keys,
    log: options.log,
    failuresPerMinute: options.failureLimit ?? DEFAULT_FAILURE_LIMIT,
    requestsPerMinute: options.keyRateLimit ?? DEFAULT_KEY_RATE_LIMIT,
    used: ({ id }) => keyUse.note(id),
  });
  boundRequests(app, REQUEST_TIMEOUT_MS);
  const guardRest = guardMethods(app);
  refuseVainKeys(app);
  healthRoutes(app, options.views);
  overviewRoutes(app, options.views);
  subscriberRoutes(app, options.views, options.tariffs ?? null);
  timelineRoutes(app, options.views.timelines);
  deadLetterRoutes(app, options.views.deadLetters);
  feedRoutes(app, { feeds: (query) => options.views.feeds(query), directory: options.directory });
  nasRoutes(app, options.directory);
  policyRoutes(app, options.views.policies);
  settingsRoutes(app, options.views.policies);
  commandRoutes(app, { subscriber: (id) => options.views.subscriber(id), directory: options.directory });
  if (options.intake !== undefined) {
    await accountingRoutes(app, options.intake, options.feedRateLimit ?? DEFAULT_FEED_RATE_LIMIT);
  }
  if (options.tariffs !== undefined) await tariffRoutes(app, options.tariffs);
  if (options.billing !== undefined) {
    billingItemRoutes(app, options.billing, options.tariffs ?? null);
    reconciliationRoutes(app, options.billing);
  }
  if (options.admin !== undefined) adminRoutes(app, options.admin);
  if (options.imports !== undefined) await importRoutes(app, options.imports);
  documentRoutes(app);
  options.routes?.(app);
  guardRest();
  await app.ready();
  const endUnused = watchUnused(app.server);
  return {
    app,
    listen: (host, port) => listen(app, host, port),
    close: async () => {
      endUnused();
      await app.close();
      await keyUse.flush();
    },
  };
}

/** In a scope of its own: its answers are written by another compiler. */
async function tariffRoutes(app: FastifyInstance, tariffs: TariffSources): Promise<void> {
  await app.register((scope, _, done) => {
    scope.setSerializerCompiler(viewWriter);
    planRoutes(scope, tariffs);
    addOnRoutes(scope, tariffs);
    accountRoutes(scope, tariffs);
    subscriberChangeRoutes(scope, tariffs);
    topUpRoutes(scope, tariffs);
    previewRoute(scope, tariffs);
    subjectRoutes(scope, tariffs);
    poolRoutes(scope, tariffs);
    cycleRoutes(scope, tariffs);
    done();
  });
}

function adminRoutes(app: FastifyInstance, { jobs, keys, audit }: AdminSources): void {
  jobRoutes(app, jobs);
  keyRoutes(app, keys);
  auditRoutes(app, audit);
}

function newServer({ log, trustedProxies = [] }: ApiOptions): FastifyInstance {
  const app = fastify({
    logger: false,
    bodyLimit: BODY_LIMIT_BYTES,
    // boundRequests has the limit of whole requests.
    requestTimeout: 0,
    http: { headersTimeout: REQUEST_TIMEOUT_MS },
    handlerTimeout: HANDLER_TIMEOUT_MS,
    // `true` would believe a header that anybody can send.
    trustProxy: trustedProxies.length > 0 ? [...trustedProxies] : false,
    // Of an id of 256 characters, each of which may be 12 in a path.
    routerOptions: { maxParamLength: 3_072 },
    // What is refused before routing (a broken escape in the path) comes here, not to the error handler.
    frameworkErrors: (error, _, reply) => {
      void sendProblem(reply, problemOf(error));
    },
    schemaController: { compilersFactory: { buildSerializer: answerCompilers } },
  });
  app.setValidatorCompiler(requestCompiler);
  app.setErrorHandler(answerError(log));
  app.addHook('onResponse', async (request, reply) => {
    const { method, routeOptions, apiKey } = request;
    // The route, not the path: a path names a subscriber.
    const line = {
      method,
      route: routeOptions.url,
      status: reply.statusCode,
      ms: Math.round(reply.elapsedTime),
    };
    log.debug({ ...line, by: apiKey?.id ?? null }, 'request');
  });
  app.setNotFoundHandler((_, reply) => sendProblem(reply, new Problem(404, 'not-found', 'no such path')));
  return app;
}

async function listen(app: FastifyInstance, host: string, port: number): Promise<string> {
  try {
    await app.listen({ host, port });
  } catch (error) {
    throw bindError(error, { host, port, hostVariable: 'WEIR_API_HOST', portVariable: 'WEIR_API_PORT' });
  }
  const address = app.server.address() as AddressInfo;
  const shownHost = address.family === 'IPv6' ? `[${address.address}]` : address.address;
  return `http://${shownHost}:${address.port}`;
}
