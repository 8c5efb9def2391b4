import type { Part } from "#mesh/process";
import type { Headers } from "./cloud-events.ts";

export { BrokerFault } from "#mesh/nats";

/** A stream as wanted by the service that feeds it. */
export interface StreamSpec {
  readonly name: string;
  readonly subject: string;
  /** Size at which the stream refuses more. */
  readonly maxBytes: number;
  readonly maxAgeMs: number;
  readonly maxMessageBytes: number;
  /** How long the broker recognises a message that is sent again. */
  readonly duplicateWindowMs: number;
  readonly replicas: number;
  /** Forbids deleting messages and purging, which cannot be undone. */
  readonly sealed: boolean;
}

/** A durable consumer as wanted by the service that reads. */
export interface ConsumerSpec {
  readonly stream: string;
  /** Start of the durable's name; the rest tells the filter, so that another filter is another durable. */
  readonly name: string;
  /** Exactly the subjects wanted. */
  readonly subjects: readonly string[];
  /** One pattern that covers them all, for servers that filter by one subject only. */
  readonly widest: string;
  readonly ackWaitMs: number;
  readonly maxAckPending: number;
}

/** A message to publish. */
export interface OutgoingMessage {
  readonly stream: string;
  readonly subject: string;
  readonly headers: Headers;
  readonly payload: Uint8Array;
  /** Under which the broker recognises a repetition. */
  readonly messageId: string;
}

/** The broker's answer to a published message. */
export interface Acknowledgement {
  /** Position in the stream; 0 means that nothing was stored, whatever else the answer says. */
  readonly sequence: number;
}

/** A delivered message. Each of ack, retry and terminate ends it. */
export interface IncomingMessage {
  readonly stream: string;
  readonly sequence: number;
  readonly subject: string;
  readonly headers: Headers;
  readonly payload: Uint8Array;
  /** How often it has been delivered, this time included. */
  readonly deliveries: number;
  ack(): void;
  /** Asks for the message again, after `delayMs`. */
  retry(delayMs: number): void;
  /** Gives the message up. */
  terminate(): void;
  /** Tells that the message is still being worked on. */
  working(): void;
}

/** Messages of a durable consumer as they arrive; iteration throws BrokerFault when the consumer is gone. */
export interface Consumption extends AsyncIterable<IncomingMessage> {
  /** Takes no more messages and ends the iteration. */
  stop(): void;
}

/** A stream as it is now. */
export interface StreamTail {
  /** When it was created: another time is another stream. */
  readonly created: string;
  /** Oldest position that may hold a message; what was before has aged out. At least 1. */
  readonly firstSequence: number;
  /** Position of the newest message, 0 where there has never been one. */
  readonly lastSequence: number;
  readonly messages: number;
}

/** Numbers of messages that a consumer has not ended yet. */
export interface Backlog {
  /** Never delivered. */
  readonly undelivered: number;
  /** Delivered and not ended. */
  readonly unacknowledged: number;
  /** Those of them that were delivered more than once. */
  readonly redelivered: number;
}

/**
 * The broker, as far as events need it. start() returns whether or not it is reachable; it is looked for until
 * stop(). Every operation throws BrokerFault, "away" while there is no connection.
 */
export interface Broker extends Part {
  /** Whether there is a connection now. */
  readonly connected: boolean;
  /** Calls back at every connection, the first included. Returns a function that ends it. */
  onConnect(callback: () => void): () => void;
  publish(message: OutgoingMessage): Promise<Acknowledgement>;
  /** Creates the stream if it is missing. Throws "drift" with the mend when it exists and differs. */
  ensureStream(stream: StreamSpec): Promise<void>;
  /** Throws "no stream" when it is missing. */
  inspectStream(stream: string): Promise<StreamTail>;
  /** Positions between the first and the last message that hold none any more. */
  missingSequences(stream: string): Promise<readonly number[]>;
  /** The event id ("ce-id") of the message at a position; undefined where there is none. */
  eventIdAt(stream: string, sequence: number): Promise<string | undefined>;
  /**
   * Makes durables that were delivered more than the stream holds up to `sequence` go on behind it, or where they had
   * acknowledged everything, if that is earlier. Returns their names.
   */
  rewindConsumers(stream: string, sequence: number): Promise<readonly string[]>;
  /**
   * Creates the durable consumer if it is missing and returns its name. A consumer that had another filter is
   * succeeded where it stood. Throws "no stream" when the stream is missing and "drift" when the consumer differs.
   */
  ensureConsumer(consumer: ConsumerSpec): Promise<string>;
  consume(stream: string, durable: string, maxMessages: number): Promise<Consumption>;
  /** How far a consumer is behind its stream. */
  backlog(stream: string, durable: string): Promise<Backlog>;
  /** Tells other replicas of a service that its outbox has grown. May get lost. */
  wake(service: string): void;
  /** Calls back when another replica says so. */
  onWake(service: string, callback: () => void): void;
}
