/** Import directions: schemas <- rules <- pipeline stages; adapters implement storage/ports.ts. */
const test = '\\.(test|contract|integration\\.test)\\.ts$';
const pureStages = '^pipeline/(decode|meter|window|decide|feed|pool|fold)/';
module.exports = {
  forbidden: [
    {
      name: 'no-circular',
      severity: 'error',
      from: {},
      to: { circular: true, viaOnly: { dependencyTypesNot: ['type-only'] } },
    },
    {
      name: 'schemas-import-nothing',
      severity: 'error',
      from: { path: '^schemas/', pathNot: test },
      to: { pathNot: '^schemas/' },
    },
    {
      name: 'rules-import-schemas-only',
      comment: 'Hashing is no IO: keys of items have to be the same wherever they are made.',
      severity: 'error',
      from: { path: '^rules/', pathNot: test },
      to: {
        pathNot: [
          '^schemas/',
          '^rules/',
          '^(crypto|node:crypto)$',
          'node_modules/(json-rules-engine|temporal-polyfill|temporal-spec|jsonc-parser|fastest-levenshtein)',
        ],
      },
    },
    {
      name: 'the-fold-is-pure',
      comment:
        'No IO, clock, store or database in decode, meter, window, decide, feed, pool, fold. Rows of analytics are types only.',
      severity: 'error',
      from: { path: pureStages, pathNot: test },
      to: {
        pathNot: [
          '^schemas/',
          '^rules/',
          pureStages,
          '^storage/analytics-ports\\.ts$',
          'node_modules/avsc',
          '^(buffer|node:buffer|crypto|node:crypto)$',
        ],
      },
    },
    {
      name: 'adapters-behind-ports',
      comment: 'Only the composition root, tests, load-tests and dev see adapters and the simulator.',
      severity: 'error',
      from: {
        pathNot: [
          test,
          '^pipeline/compose',
          '^storage/',
          '^simulator/',
          '^load-tests/',
          '^dev/',
          '^tests/',
          '^pipeline/dispatch/radius/',
        ],
      },
      to: { path: ['^storage/(memory|redis|postgres|clickhouse|folder)/', '^simulator/'] },
    },
    {
      name: 'storage-does-not-know-the-pipeline',
      severity: 'error',
      from: { path: '^storage/', pathNot: test },
      to: { path: ['^pipeline/', '^api/', '^cli/', '^simulator/'] },
    },
    {
      name: 'verify-stands-apart',
      comment: 'What checks everything else shares no code with it; decoding is given to it as a function.',
      severity: 'error',
      from: { path: '^verify/', pathNot: test },
      to: {
        pathNot: [
          '^schemas/',
          '^verify/',
          '^storage/(ports|people-ports|analytics-ports)\\.ts$',
          'node_modules/json-rules-engine',
          '^(buffer|node:buffer|crypto|node:crypto)$',
        ],
      },
    },
    {
      name: 'nothing-leans-on-verify',
      comment: 'What is checked must not come to depend on what checks it.',
      severity: 'error',
      from: {
        pathNot: [
          test,
          '^verify/',
          '^pipeline/verify/',
          '^pipeline/compose-verify',
          '^cli/verify',
          '^tests/',
        ],
      },
      to: { path: '^verify/' },
    },
    {
      name: 'nothing-imports-load-tests',
      severity: 'error',
      from: { pathNot: '^load-tests/' },
      to: { path: '^load-tests/' },
    },
    {
      name: 'no-test-imports-in-product',
      severity: 'error',
      from: { pathNot: [test, '^tests/', '^load-tests/'] },
      to: { path: [test, '^tests/'] },
    },
  ],
  options: {
    doNotFollow: { path: 'node_modules' },
    exclude: { path: '^(dist|\\.weir)/' },
    tsConfig: { fileName: 'tsconfig.json' },
    tsPreCompilationDeps: true,
    enhancedResolveOptions: {
      exportsFields: ['exports'],
      conditionNames: ['import', 'require', 'node', 'default', 'types'],
    },
  },
};
