import { AjvCompiler } from '@fastify/ajv-compiler';
import { SerializerSelector } from '@fastify/fast-json-stringify-compiler';
import type { Serializer, SerializerFactory } from '@fastify/fast-json-stringify-compiler';
import type { FastifySchemaCompiler } from 'fastify';

// What Fastify makes of schemas, made once a process: by itself it reads all named schemas anew for each route and each of its
// answers, which was nine tenths of the time that a server took to build.

type Validate = ReturnType<FastifySchemaCompiler<unknown>>;

const serializersOf = SerializerSelector();
// discriminator: of several forms of a body, what is wrong is told of the one that its type names.
const customOptions = {
  coerceTypes: false,
  removeAdditional: false,
  useDefaults: false,
  discriminator: true,
};
// Its type has a schema where it takes what Fastify gives, as compilers of Fastify do.
const validatorOf = AjvCompiler()({}, { customOptions }) as unknown as FastifySchemaCompiler<unknown>;

// By the text of what is compiled: as many as there are views, and requests of routes.
const serializers = new Map<string, Serializer>();
const validators = new Map<string, Validate>();

/**
 * What checks a part of a request; nothing is coerced, removed or filled in. It must declare itself whole, without named schemas.
 *
 * @throws Error where it refers to one: at registration
 */
export const requestCompiler: FastifySchemaCompiler<unknown> = (route) =>
  onceOf(validators, route.schema, () => validatorOf(route));

/** What writes an answer. Of one by a name, its view is all that is read: views refer to nothing beyond themselves. */
export const answerCompilers: SerializerFactory = (named, options) => (route) => {
  const name = (route.schema as { $ref?: string } | undefined)?.$ref?.replace(/#$/, '');
  const view = name === undefined ? undefined : (named as Record<string, unknown>)[name];
  if (name === undefined || view === undefined) return serializersOf(named, options)(route);
  return onceOf(serializers, [route.schema, view, options], () =>
    serializersOf({ [name]: view }, options)(route),
  );
};

function onceOf<T>(known: Map<string, T>, of: unknown, make: () => T): T {
  const text = JSON.stringify(of);
  const one = known.get(text) ?? make();
  known.set(text, one);
  return one;
}
