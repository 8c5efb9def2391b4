/**
 * Every place at which a process can be made to fail on purpose, and what is done there and what is not. They stand
 * wherever one thing is stored and the next is not yet: at each commit, acknowledgement, publication and mark.
 */
export const faultPoints = {
  "transaction.worked": "all statements of a transaction have run, none is committed",
  "transaction.committed": "a transaction has committed, nobody was told",
  "outbox.committed": "events have committed, the relay was not woken",
  "relay.read": "events of the outbox were read, none is published",
  "relay.acknowledged": "one event is in the stream, the relay has not noted it",
  "relay.published": "a batch is in the stream, the outbox does not say so",
  "relay.marked": "the outbox says that a batch is published",
  "repair.consumer-deleted": "a durable that stood too far ahead is deleted, its successor does not exist",
  "repair.rewound": "durables go on at the right place, the outbox still holds the lost events for published",
  "repair.unpublished": "the outbox publishes lost events again, the stream that lost them is not remembered",
  "inbox.received": "an event was delivered, nothing is done",
  "inbox.handling": "an event is in the inbox of an open transaction, its handler has not run",
  "inbox.committed": "an event was taken in, its message is not acknowledged",
  "inbox.acknowledged": "an event was taken in and its message acknowledged",
  "parked.claimed": "a parked event is locked by an open transaction, its handler has not run",
  "parked.committed": "a parked event was taken in",
  "dead-letter.committed": "an event is a dead letter, its message is not ended",
  "dead-letter.terminated": "an event is a dead letter and its message ended",
  "dead-letter.replayed": "a dead letter was taken in, what waited behind it was not looked for",
  "dead-letter.discarded": "a dead letter was given up, what waited behind it was not looked for",
  "timer.locked": "a due timer is locked by an open transaction, it has not fired",
  "timer.fired": "a timer has fired",
  "effect.claimed": "a call to the outside world is claimed, not made",
  "effect.answered": "the outside world has done what it was asked for, its answer is not stored",
  "effect.committed": "the outcome of a call is stored",
  "effect.released": "a call whose outcome is not known is to be made again",
} as const;

/** Name of a place at which a process can be made to fail. */
export type FaultPoint = keyof typeof faultPoints;

/** Says whether a text is the name of such a place. */
export function isFaultPoint(name: string): name is FaultPoint {
  return Object.hasOwn(faultPoints, name);
}
