import { AppError } from '../../schemas/errors.ts';
import type { ErrorCode } from '../../schemas/errors.ts';
import type { Dice } from './dice.ts';
import type { FaultPlan } from './fault-plan.ts';
import type { Trace } from './trace.ts';

/** One side of the network. What a dead one sent may arrive; nothing reaches it any more. */
export interface Caller {
  readonly name: string;
  alive: boolean;
  stopped: boolean;
  kill(): void;
}

/** The servers. */
export type Server = 'store' | 'ledger' | 'marks' | 'analytics' | 'log' | 'sink';

interface Message {
  caller: Caller;
  server: Server;
  name: string;
  sentAt: number;
  effect: () => Promise<unknown>;
  /** null: nobody waits for it any more */
  waiter: { resolve: (value: unknown) => void; reject: (error: unknown) => void } | null;
  /** what the server answered; null = it has not seen the message */
  answer: { value: unknown } | { error: unknown } | null;
}

/** What a caller hears when nobody knows whether it happened. */
const UNKNOWN: Record<Server, ErrorCode> = {
  store: 'timeout',
  ledger: 'timeout',
  marks: 'timeout',
  analytics: 'analytics-failed',
  log: 'log-append-failed',
  sink: 'timeout',
};

/** Messages nobody waits for stay under way for about so many steps. */
const LATE = 0.02;

/**
 * Every call of a process to a server is a message here. The run decides, message by message, when it arrives, when its answer
 * does, and what goes wrong with either: an interleaving is a sequence of such decisions.
 */
export class Network {
  /** number of the step, for those who ask when something was sent */
  step = 0;
  /** what has its effect now is a message that nobody waits for */
  isStray = false;
  readonly #dice: Dice;
  readonly #plan: FaultPlan;
  readonly #trace: Trace;
  readonly #down = new Map<Server, number>();
  readonly #failures = new Map<Caller, number>();
  #messages: Message[] = [];
  /** late duplicates, delayed ones and those of dead processes */
  #strays: Message[] = [];

  constructor(dice: Dice, plan: FaultPlan, trace: Trace) {
    this.#dice = dice;
    this.#plan = plan;
    this.#trace = trace;
  }

  /** Sends a call; its promise ends when the run lets it, or never. */
  call<T>(caller: Caller, server: Server, name: string, effect: () => Promise<T>): Promise<T> {
    return new Promise<T>((resolve, reject) => {
      if (!caller.alive) return;
      const waiter = { resolve: resolve as (value: unknown) => void, reject };
      this.#messages.push({ caller, server, name, sentAt: this.step, effect, waiter, answer: null });
    });
  }

  /** Messages under way that somebody waits for, or will. */
  get pending(): number {
    return this.#messages.length + this.#strays.length;
  }

  /** True where a step can do something. */
  get canStep(): boolean {
    return this.#strays.length > 0 || this.#messages.some((message) => isEligible(message));
  }

  /** The server answers nobody for so many steps. */
  takeDown(server: Server, steps: number): void {
    this.#down.set(server, this.step + steps);
  }

  /** How many calls of a process have failed. */
  failuresOf(caller: Caller): number {
    return this.#failures.get(caller) ?? 0;
  }

  /** Lets one message or answer arrive. False where there is nothing to do. */
  async advance(): Promise<boolean> {
    this.#bury();
    if (this.#strays.length > 0 && (this.#plan.isOver || this.#dice.chance(LATE))) {
      const [stray] = this.#strays.splice(this.#dice.below(this.#strays.length), 1);
      if (stray !== undefined) await this.#arriveLate(stray);
      return true;
    }
    const eligible = this.#messages.filter((message) => isEligible(message));
    if (eligible.length === 0) return false;
    const message = this.#dice.pick(eligible);
    if (message.answer === null) await this.#arrive(message);
    else this.#deliver(message);
    return true;
  }

  /** What dead processes had sent becomes stray, or is lost with them. */
  #bury(): void {
    const dead = this.#messages.filter(({ caller }) => !caller.alive);
    if (dead.length === 0) return;
    this.#messages = this.#messages.filter(({ caller }) => caller.alive);
    for (const message of dead) {
      if (message.answer === null && this.#dice.chance(0.5)) this.#strays.push(message);
    }
  }

  async #arriveLate(message: Message): Promise<void> {
    this.#trace.count('late messages');
    this.#say(message, 'arrives late');
    // Nobody waits for what it answers.
    this.isStray = true;
    await message.effect().catch(() => undefined);
    this.isStray = false;
  }

  async #arrive(message: Message): Promise<void> {
    const { caller, server } = message;
    if (this.#isDown(server) || this.#dice.chance(this.#plan.rate('refused'))) {
      return this.#fail(message, 'refused', new AppError('unreachable', 'refused', { retriable: true }));
    }
    if (this.#dice.chance(this.#plan.rate('delayed'))) {
      this.#strays.push({ ...message, waiter: null });
      return this.#fail(message, 'delayed', unknownOutcome(message));
    }
    if (this.#dice.chance(this.#plan.rate('crashBefore'))) {
      this.#crash(caller, message, 'before');
      return;
    }
    message.answer = await answerOf(message);
    this.#say(message, 'error' in message.answer ? `fails: ${textOf(message.answer.error)}` : 'arrives');
    if (this.#dice.chance(this.#plan.rate('duplicated'))) {
      this.#trace.count('duplicated messages');
      this.#strays.push({ ...message, answer: null, waiter: null });
    }
    if (this.#dice.chance(this.#plan.rate('crashAfter'))) {
      this.#crash(caller, message, 'after');
    } else if (this.#dice.chance(this.#plan.rate('lostAnswer'))) {
      this.#fail(message, 'lost answers', unknownOutcome(message));
    } else if (this.#dice.chance(0.6) && !caller.stopped) {
      this.#deliver(message);
    }
  }

  #deliver(message: Message): void {
    const { answer, waiter } = message;
    this.#remove(message);
    if (answer === null) return;
    if ('error' in answer) {
      this.#noteFailure(message.caller);
      waiter?.reject(answer.error);
    } else waiter?.resolve(answer.value);
  }

  #fail(message: Message, what: string, error: AppError): void {
    this.#trace.count(what);
    this.#say(message, what);
    this.#remove(message);
    this.#noteFailure(message.caller);
    message.waiter?.reject(error);
  }

  #crash(caller: Caller, message: Message, when: 'before' | 'after'): void {
    this.#trace.count('crashes');
    this.#trace.count(`crash ${when} ${message.name}`);
    this.#say(message, `${caller.name} is killed ${when}`);
    caller.kill();
  }

  #noteFailure(caller: Caller): void {
    this.#failures.set(caller, this.failuresOf(caller) + 1);
  }

  #isDown(server: Server): boolean {
    return !this.#plan.isOver && (this.#down.get(server) ?? 0) > this.step;
  }

  #remove(message: Message): void {
    this.#messages = this.#messages.filter((other) => other !== message);
  }

  #say(message: Message, what: string): void {
    this.#trace.say(`${this.step} ${message.caller.name} ${message.name} ${what}`);
  }
}

/** A stopped process hears nothing, but what it has sent arrives. */
function isEligible({ caller, answer }: Message): boolean {
  return answer === null || !caller.stopped;
}

async function answerOf(message: Message): Promise<NonNullable<Message['answer']>> {
  try {
    return { value: await message.effect() };
  } catch (error) {
    return { error };
  }
}

function unknownOutcome({ name, server }: Message): AppError {
  const code = name === 'store.commit' ? 'store-unknown-outcome' : UNKNOWN[server];
  return new AppError(code, `${name}: no answer`, { retriable: true });
}

function textOf(error: unknown): string {
  return error instanceof Error ? error.message : String(error);
}
