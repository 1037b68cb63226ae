import { CLASS_FACTS, FACTS, isFactName } from '../facts/catalogue.ts';
import type { ClassFacts, FactDefinition } from '../facts/catalogue.ts';
import { hint, shown } from '../lint/did-you-mean.ts';
import type { JsonNode } from '../json-text.ts';
import type { ShapeReader } from './json-shape.ts';
import type { StatedFacts } from './neutral-facts.ts';

const FACT_NAMES = Object.keys(FACTS);
const CLASS_FACT_NAMES = Object.keys(CLASS_FACTS);

/** Facts as a case states them; those that are wrong are faults and left out. */
export function readFacts(reader: ShapeReader, node: JsonNode | undefined): StatedFacts {
  const stated: Record<string, unknown> = {};
  if (node === undefined) return stated as StatedFacts;
  for (const [key, { name, value }] of reader.anyObject(node, '"facts"') ?? []) {
    if (!isFactName(key))
      reader.fault('T101', name, `no fact is called ${shown(key)}.${hint(key, FACT_NAMES)}`);
    else if (key === 'byClass') stated[key] = readClasses(reader, value);
    else {
      const read = readValue(reader, key, FACTS[key], value);
      if (read !== undefined) stated[key] = read;
    }
  }
  return stated as StatedFacts;
}

function readClasses(reader: ShapeReader, node: JsonNode): Record<string, Partial<ClassFacts>> {
  const classes: Record<string, Partial<ClassFacts>> = {};
  for (const [serviceClass, { name, value }] of reader.anyObject(node, '"byClass"') ?? []) {
    if (!/^[A-Za-z0-9_ .:+-]{1,63}$/.test(serviceClass)) {
      reader.fault('T102', name, `${shown(serviceClass)} cannot be the name of a service class`);
      continue;
    }
    const facts: Record<string, unknown> = {};
    for (const [key, fact] of reader.anyObject(value, `the class ${shown(serviceClass)}`) ?? []) {
      const definition = classFact(key);
      if (definition === undefined)
        reader.fault(
          'T101',
          fact.name,
          `no fact of a class is called ${shown(key)}.${hint(key, CLASS_FACT_NAMES)}`,
        );
      else facts[key] = readValue(reader, key, definition, fact.value);
    }
    classes[serviceClass] = facts;
  }
  return classes;
}

function classFact(name: string): FactDefinition | undefined {
  return Object.hasOwn(CLASS_FACTS, name) ? CLASS_FACTS[name as keyof typeof CLASS_FACTS] : undefined;
}

/** undefined = a fault. */
function readValue(reader: ShapeReader, name: string, definition: FactDefinition, node: JsonNode): unknown {
  const value: unknown =
    node.type === 'array' ? (node.children ?? []).map((item): unknown => item.value) : node.value;
  if (node.type === 'null') {
    if (definition.nullable) return null;
    reader.fault('T102', node, `${name} is never null`);
    return undefined;
  }
  if (!fits(definition, node, value)) {
    reader.fault(
      'T102',
      node,
      `${name} is ${describe(definition)}, not ${shown(node.type === 'object' ? {} : value)}`,
    );
    return undefined;
  }
  return value;
}

function fits({ type, values, min, max }: FactDefinition, node: JsonNode, value: unknown): boolean {
  switch (type) {
    case 'number':
      return (
        typeof value === 'number' && value >= (min ?? -Infinity) && value <= (max ?? Number.MAX_SAFE_INTEGER)
      );
    case 'string':
      return typeof value === 'string' && (values?.includes(value) ?? true);
    case 'boolean':
      return typeof value === 'boolean';
    case 'strings':
      return node.type === 'array' && (node.children ?? []).every((item) => item.type === 'string');
    case 'classes':
      return false;
  }
}

function describe({ type, unit, values, min, max, nullable }: FactDefinition): string {
  const orNull = nullable ? ' or null' : '';
  switch (type) {
    case 'number': {
      const range = min === undefined ? '' : max === undefined ? ` from ${min}` : ` from ${min} to ${max}`;
      return `a number${unit === '' ? '' : ` (${unit})`}${range}${orNull}`;
    }
    case 'string':
      return (values === undefined ? 'a text' : `one of ${values.join(', ')}`) + orNull;
    case 'boolean':
      return `true or false${orNull}`;
    case 'strings':
      return 'a list of texts';
    case 'classes':
      return 'an object by service class';
  }
}
