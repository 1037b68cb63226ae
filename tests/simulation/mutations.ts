import type { FaultName } from './fault-plan.ts';
import type { Change } from './javascript-tree.ts';
import type { RunOptions } from './world.ts';

/** One mechanism switched off, and the faults in which it is needed. */
export interface Mutation {
  mechanism: string;
  /** what is left out, in the product's source or by the memory store itself */
  how: { change: Change } | { ignore: RunOptions['ignore'] };
  /** null = whatever the seeds draw */
  faults: readonly FaultName[] | null;
  /** beginnings of the invariants of which one must turn red */
  red: readonly string[];
}

const CRASHES = ['crashBefore', 'crashAfter'] as const;
const BYTES = ['state', 'windows', 'late rows', 'sessions', 'core'];
const LEDGER = ['actions', 'adjustments', 'closed cycles', 'dead letters', 'progress', 'controls'];

/** Everything that the guarantees rest on. Each proof names the source it changes: when that is rewritten, so must the proof be. */
export const MUTATIONS: readonly Mutation[] = [
  {
    mechanism: 'owner token',
    how: { ignore: { token: true } },
    faults: ['lostTail', 'zombie', 'stop', 'delayed'],
    red: [...BYTES, ...LEDGER],
  },
  {
    mechanism: 'seq',
    how: { ignore: { seq: true } },
    faults: ['delayed', 'duplicated'],
    red: [...BYTES, ...LEDGER, 'owner'],
  },
  {
    mechanism: 'applied mark of a subscriber',
    how: {
      change: {
        file: 'pipeline/fold/drain.ts',
        find: 'subscriber.mark >= cause.offset && !effects.hot.has(subscriber)',
        replace: 'false',
      },
    },
    faults: ['torn', ...CRASHES],
    red: BYTES,
  },
  {
    mechanism: 'applied mark of a window row',
    how: {
      change: {
        file: 'pipeline/fold/add-usage.ts',
        find: 'if (total.version <= cause.offset || effects.windows.has(total)) {',
        replace: 'if (true) {',
      },
    },
    faults: ['torn', ...CRASHES],
    red: ['windows'],
  },
  {
    mechanism: 'write order: position last',
    how: {
      change: {
        file: 'storage/memory/slot-content.ts',
        find: "    before('outbox');\n",
        replace:
          '    for (const { field, value } of commit.meta) this.meta.set(field, copyOf(value));\n' +
          '    this.position = commit.position;\n    this.seq = commit.seq;\n' +
          "    this.commitId = commit.commitId;\n    before('outbox');\n",
      },
    },
    faults: ['torn', ...CRASHES],
    red: [...BYTES, ...LEDGER],
  },
  {
    mechanism: 'write order: outbox before values',
    how: {
      change: {
        file: 'storage/memory/slot-content.ts',
        find: 'for (const { n, bytes } of commit.outbox) this.outbox.set(n, copyOf(bytes));',
        replace:
          "const late = before; before = (point) => { if (point === 'due') for (const { n, bytes } of commit.outbox)" +
          ' this.outbox.set(n, copyOf(bytes)); late(point); };',
      },
    },
    faults: ['torn', ...CRASHES],
    red: LEDGER,
  },
  {
    mechanism: 'outbox in the commit',
    how: {
      change: {
        file: 'pipeline/commit/build-commit.ts',
        find: '    outbox,\n',
        replace: '    outbox: [],\n',
      },
    },
    faults: [...CRASHES, 'ledgerOutage', 'lostAnswer'],
    red: LEDGER,
  },
  {
    mechanism: 'outbox removed only after the insert',
    how: {
      change: {
        file: 'pipeline/commit/egress.ts',
        find: '        const delivered = await this.deliver();\n',
        replace:
          '        await this.targets.store.removeOutbox(this.slot, this.queue.map(({ n }) => n));\n' +
          '        const delivered = await this.deliver();\n',
      },
    },
    faults: [...CRASHES, 'ledgerOutage', 'rebalance'],
    red: LEDGER,
  },
  {
    mechanism: 'ledger key',
    how: {
      change: {
        file: 'storage/memory/ledger.ts',
        find: 'if (this.#rows.has(intent.id)) return false;',
        replace: '',
      },
    },
    faults: ['lostAnswer', 'duplicated', 'lostTail', ...CRASHES],
    red: ['actions'],
  },
  {
    mechanism: 'window version',
    how: {
      change: {
        file: 'pipeline/fold/add-usage.ts',
        find: 'total.version = cause.offset + 1;',
        replace: 'total.version = 1;',
      },
    },
    faults: ['delayed', 'duplicated', 'rebalance', 'zombie'],
    red: ['windows'],
  },
  {
    mechanism: 'flushed version: rows stay until stored',
    how: {
      change: {
        file: 'pipeline/commit/build-commit.ts',
        find: 'version <= flushedThrough && startMs',
        replace: 'startMs',
      },
    },
    faults: ['analyticsOutage', 'rebalance', ...CRASHES],
    red: ['windows'],
  },
  {
    mechanism: 'flushed version: a new owner flushes what lies above it',
    how: {
      change: {
        file: 'pipeline/commit/slot-owner.ts',
        find: '    await owner.submitUnflushed();\n',
        replace: '',
      },
    },
    faults: ['analyticsOutage', 'rebalance', ...CRASHES],
    red: ['windows', 'late rows', 'sessions'],
  },
  {
    mechanism: 'slot mark',
    how: {
      change: {
        file: 'pipeline/commit/slot-owner.ts',
        find: '(await deps.marks.read(slot)) ?? 0',
        replace: '0',
      },
    },
    faults: ['lostTail', 'rebalance'],
    red: ['held'],
  },
  {
    mechanism: 'slot mark: egress is held',
    how: {
      change: { file: 'pipeline/commit/slot-owner.ts', find: '      egress.holdUntil(seen);\n', replace: '' },
    },
    faults: ['lostTail', 'rebalance'],
    red: ['held'],
  },
  {
    mechanism: 'heartbeat: raises the slot mark',
    how: {
      change: {
        file: 'pipeline/commit/slot-owner.ts',
        find: 'if (held) await this.deps.marks.raise(this.slot, position);',
        replace: '',
      },
    },
    faults: ['lostTail', 'rebalance'],
    red: ['held'],
  },
  {
    mechanism: 'heartbeat: a former owner lets go',
    how: {
      change: {
        file: 'pipeline/commit/worker.ts',
        find: 'if ((await owner.check()) || this.owners.get(partition) !== owner) return;',
        replace: 'await owner.check();\n          return;',
      },
    },
    faults: ['lostTail'],
    red: ['heartbeat'],
  },
  {
    mechanism: 'control ids',
    how: {
      change: {
        file: 'pipeline/fold/controls.ts',
        find: 'if (id.n <= (state.controls.get(id.source) ?? 0)) return;',
        replace: '',
      },
    },
    faults: ['relayRepeats', 'partialAppend', 'lostAnswer'],
    red: [...BYTES, ...LEDGER],
  },
  {
    mechanism: 'numbers of what pools and members tell',
    how: {
      change: {
        file: 'pipeline/pool/own-control.ts',
        find: '(cause.offset + 1) * NUMBERS_AN_INPUT + own.left',
        replace: 'cause.offset + 1',
      },
    },
    faults: null,
    red: ['controls'],
  },
  {
    mechanism: 'watermark check',
    how: {
      change: {
        file: 'pipeline/commit/check-position.ts',
        find: 'if (position < marks.low || position > marks.high) {',
        replace: 'if (position > marks.high) {',
      },
    },
    faults: ['deletedAhead', 'rebalance', ...CRASHES],
    red: BYTES,
  },
  {
    mechanism: 'tariffs: the instant of a change is clipped to the log',
    how: {
      change: {
        file: 'pipeline/fold/take-profile.ts',
        find: 'Math.min(profile.asOfMs, cause.appendTimeMs + MOST_AHEAD_MS)',
        replace: 'profile.asOfMs',
      },
    },
    faults: null,
    red: ['oracle'],
  },
  {
    mechanism: 'tariffs: a new boundary cuts the part that it lies in',
    how: {
      change: {
        file: 'pipeline/window/parts.ts',
        find: 'parts.toSpliced(at, 1, ...cutPart(part, atMs, subscriber, calendar, zone))',
        replace: '[...parts]',
      },
    },
    faults: null,
    red: ['oracle'],
  },
  {
    mechanism: 'tariffs: what is carried over is final with the close',
    how: {
      change: {
        file: 'pipeline/fold/cycle-end.ts',
        find: 'carryOn(state, subscriber, cycle, carryOutBytes ?? 0, true);',
        replace: 'carryOn(state, subscriber, cycle, carryOutBytes ?? 0, false);',
      },
    },
    faults: null,
    red: ['oracle'],
  },
  {
    mechanism: 'tariffs: what is carried over is gone with the next roll',
    how: {
      change: {
        file: 'pipeline/fold/cycle-end.ts',
        find: 'subscriber.carry = carryInto(state, subscriber, current, calendar);',
        replace: 'subscriber.carry = carryInto(state, subscriber, current, calendar) ?? subscriber.carry;',
      },
    },
    faults: null,
    red: ['oracle'],
  },
  {
    mechanism: 'tariffs: what top-ups covered before goes on with the roll',
    how: {
      change: {
        file: 'pipeline/fold/cycle-end.ts',
        find: 'rolledUses(subscriber.topUpUses).filter(',
        replace: '[].filter(',
      },
    },
    faults: null,
    red: ['oracle'],
  },
  {
    mechanism: 'tariffs: cycles roll and close before a profile is taken',
    how: {
      change: {
        file: 'pipeline/fold/controls.ts',
        find: 'if (before !== null) catchUp(context, subscriber, cause);',
        replace: '',
      },
    },
    faults: null,
    red: ['oracle'],
  },
  {
    mechanism: 'tariffs: late bytes take from what is carried over',
    how: {
      change: {
        file: 'pipeline/fold/cycle-end.ts',
        find: 'carryOn(state, subscriber, cycle, leftOf(state, subscriber, cycle) ?? 0, false);',
        replace: '',
      },
    },
    faults: null,
    red: ['oracle'],
  },
  {
    mechanism: 'outcome counts',
    how: {
      change: { file: 'pipeline/fold/feeds.ts', find: 'state.counts[outcome] += 1;', replace: '' },
    },
    faults: null,
    red: ['totality'],
  },
];
