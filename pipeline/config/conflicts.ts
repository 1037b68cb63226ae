import type { ValuesOf } from './variable.ts';
import type { VARIABLES } from './variables.ts';

type Values = ValuesOf<typeof VARIABLES>;

/**
 * Faults of variables that are right by themselves and wrong together; one line each. Values that did not parse are
 * null here, though their type does not say so: every check must read null as "no opinion".
 */
export function conflicts(values: Values, isSet: (name: string) => boolean): string[] {
  return [
    ...together(isSet, 'KAFKA_SASL_MECHANISM', ['KAFKA_SASL_USERNAME', 'KAFKA_SASL_PASSWORD']),
    ...together(isSet, 'RADIUS_API_URL', ['RADIUS_API_KEY']),
    ...together(isSet, 'BILLING_API_URL', ['BILLING_API_KEY']),
    ...together(isSet, 'ELASTICSEARCH_USERNAME', ['ELASTICSEARCH_PASSWORD']),
    ...elasticsearch(values, isSet),
    ...log(isSet),
    ...simulation(values, isSet),
    ...timeouts(values),
    ...ports(values),
  ];
}

function together(isSet: (name: string) => boolean, name: string, others: readonly string[]): string[] {
  if (!isSet(name)) return [];
  return others.filter((other) => !isSet(other)).map((other) => `${other} must be set too, since ${name} is`);
}

function elasticsearch(values: Values, isSet: (name: string) => boolean): string[] {
  if (!values.ELASTICSEARCH_ENABLED || isSet('ELASTICSEARCH_URL')) return [];
  return ['ELASTICSEARCH_URL must be set too, since ELASTICSEARCH_ENABLED is on'];
}

function log(isSet: (name: string) => boolean): string[] {
  if (!isSet('KAFKA_BROKERS') || !isSet('WEIR_PARTITIONS')) return [];
  return ['WEIR_PARTITIONS is of the embedded log and KAFKA_BROKERS is set: remove one of the two'];
}

function simulation(values: Values, isSet: (name: string) => boolean): string[] {
  const faults: string[] = [];
  const on = values.WEIR_SIMULATOR ?? !isSet('KAFKA_BROKERS');
  for (const name of ['WEIR_SIMULATOR_SUBSCRIBERS', 'WEIR_SIMULATOR_SPEED', 'WEIR_SIMULATOR_SEED']) {
    if (!on && isSet(name))
      faults.push(
        `${name} has no effect while the simulator is off: set WEIR_SIMULATOR=on, or remove ${name}`,
      );
  }
  // Its stamps run ahead of the wall clock then, and nothing would move the watermark.
  if (on && values.WEIR_SIMULATED_TIME === false && (values.WEIR_SIMULATOR_SPEED ?? 1) !== 1) {
    faults.push(
      'WEIR_SIMULATED_TIME is off: set WEIR_SIMULATOR_SPEED=1 too, or leave WEIR_SIMULATED_TIME out',
    );
  }
  // Whoever tries a connection must not charge simulated people for it.
  if (on && values.WEIR_SIMULATOR === null && isSet('BILLING_API_URL')) {
    faults.push(
      'BILLING_API_URL would be sent what simulated subscribers owe: set KAFKA_BROKERS or WEIR_SIMULATOR=off, or ' +
        'WEIR_SIMULATOR=on where that is meant',
    );
  }
  return faults;
}

function timeouts(values: Values): string[] {
  const faults: string[] = [];
  const first = values.RADIUS_COA_FIRST_TIMEOUT;
  if ((values.RADIUS_COA_LONGEST_TIMEOUT ?? Infinity) < (first ?? 0)) {
    faults.push('RADIUS_COA_LONGEST_TIMEOUT must not be below RADIUS_COA_FIRST_TIMEOUT');
  }
  if ((values.RADIUS_COA_GIVE_UP_AFTER ?? Infinity) < (first ?? 0)) {
    faults.push('RADIUS_COA_GIVE_UP_AFTER must not be below RADIUS_COA_FIRST_TIMEOUT');
  }
  return faults;
}

function ports(values: Values): string[] {
  const same =
    values.WEIR_API_PORT === values.WEIR_METRICS_PORT && values.WEIR_API_HOST === values.WEIR_METRICS_HOST;
  if (!same || values.WEIR_API_PORT === 0 || values.WEIR_API_PORT === null) return [];
  return ['WEIR_METRICS_PORT must be another port than WEIR_API_PORT on the same address'];
}
