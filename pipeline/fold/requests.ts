import type { Confirmation, Confirmed } from '../decide/transitions.ts';
import type { Subscriber } from './slot-state.ts';

/** A window row by its place. */
export interface RowKey {
  startMs: number;
  serviceClass: string;
  nasId: string;
}

/** What the fold asks its owner for; it stands still until it is answered. */
export type FoldRequest =
  /** the library's word on a transition */
  | { kind: 'confirm'; confirmation: Confirmation }
  /** take what is stored of these into `state.subscribers`, note the others in `state.absent` */
  | { kind: 'subscribers'; ids: string[] }
  /** take what is stored of these rows into `subscriber.rows` */
  | { kind: 'rows'; subscriber: Subscriber; keys: readonly RowKey[] }
  /** take whoever is stored in these buckets and not in memory into `state.subscribers`; answer all stored ids */
  | { kind: 'buckets'; buckets: number[] };

/** The owner's answer: to `confirm` a verdict, to `buckets` ids, else nothing. */
export interface FoldAnswer {
  confirmed?: Confirmed;
  ids?: readonly string[];
}

/** A part of the fold that may have to ask. */
export type Folding<T> = Generator<FoldRequest, T, FoldAnswer>;
