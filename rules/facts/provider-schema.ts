import type { ProviderSettings } from '../../schemas/provider.ts';
import { BLOCK_BYTES, MAX_NAME, PRICE, SECONDS, SPEED } from '../lint/check-event.ts';
import { MOST_DATES, MOST_HOURS, MOST_PROFILES } from '../lint/check-provider.ts';
import type { Schema } from './json-schema.ts';
import { DIALECT, closed, whole } from './json-schema.ts';

/**
 * JSON Schema (2020-12) of provider.json, for editors: made from the linter's own bounds. It lets through more than the linter
 * does, never less.
 */
export function providerSchema(): Schema {
  const settings = {
    offPeak: offPeak(),
    throttleProfiles: named(
      closed({ downBps: whole(SPEED), upBps: whole(SPEED) }, ['downBps', 'upBps']),
      'Speeds that throttles name as profile',
    ),
    redirectProfiles: {
      type: 'array',
      maxItems: MOST_PROFILES,
      uniqueItems: true,
      items: { type: 'string', minLength: 1, maxLength: MAX_NAME },
      description: 'Names that NAS know for redirection',
    },
    topUps: named(product(), 'What policies may buy, by product id'),
    neutrality: {
      type: 'boolean',
      default: false,
      description:
        'The rules of the EU on net neutrality bind the provider: lint refuses what favours classes',
    },
  } satisfies Record<keyof ProviderSettings, Schema>;
  return {
    $schema: DIALECT,
    title: 'Weir provider settings',
    description: 'What the provider sets for all policies; docs/policies.md explains it',
    ...closed({ $schema: { type: 'string' }, ...settings }),
  };
}

function offPeak(): Schema {
  const time = '([01][0-9]|2[0-3]):[0-5][0-9]';
  const hours = closed(
    {
      days: {
        type: 'array',
        minItems: 1,
        maxItems: 7,
        uniqueItems: true,
        items: { type: 'integer', minimum: 1, maximum: 7 },
        description: '1 = Monday to 7 = Sunday: those on which it begins',
      },
      from: { type: 'string', pattern: `^${time}$`, description: 'HH:MM in the zone of the subscriber' },
      to: {
        type: 'string',
        pattern: `^(${time}|24:00)$`,
        description: 'HH:MM, up to 24:00; at or before from it is on the next day',
      },
    },
    ['days', 'from', 'to'],
  );
  return {
    ...closed({
      hours: { type: 'array', maxItems: MOST_HOURS, items: hours },
      dates: {
        type: 'array',
        maxItems: MOST_DATES,
        uniqueItems: true,
        items: { type: 'string', pattern: '^[0-9]{4}-[0-9]{2}-[0-9]{2}$' },
        description: 'YYYY-MM-DD that are off-peak as a whole',
      },
    }),
    description: 'When the network has room',
  };
}

/** What each kind says besides its price: bytes, speeds, or nothing. */
function product(): Schema {
  const common = {
    priceMinor: { ...whole(PRICE), description: 'Minor units of the currency' },
    currency: { type: 'string', pattern: '^[A-Z]{3}$', description: 'A code of ISO 4217' },
    validSeconds: {
      anyOf: [whole(SECONDS), { type: 'null' }],
      description: 'null = to the end of the cycle',
    },
  };
  const required = Object.keys(common);
  const none = { const: 0 };
  const kind = (name: string, description: string): Schema => ({ kind: { const: name, description } });
  const speeds = { downBps: whole(SPEED), upBps: whole(SPEED) };
  return {
    anyOf: [
      closed({ ...kind('bytes', 'Bytes on top of the cap'), bytes: whole(BLOCK_BYTES), ...common }, [
        'bytes',
        ...required,
      ]),
      closed({ ...kind('boost', 'A speed for a time'), bytes: none, ...speeds, ...common }, [
        'kind',
        ...Object.keys(speeds),
        ...required,
      ]),
      closed({ ...kind('unlimited', 'No byte counts for a time'), bytes: none, ...common }, [
        'kind',
        ...required,
      ]),
    ],
  };
}

/** An object of named entries. */
function named(entry: Schema, description: string): Schema {
  return {
    type: 'object',
    maxProperties: MOST_PROFILES,
    propertyNames: { minLength: 1, maxLength: MAX_NAME },
    additionalProperties: entry,
    description,
  };
}
