CREATE SCHEMA IF NOT EXISTS heddle;
--> statement-breakpoint
-- The version counter of each aggregate. Its row lock puts the events of one aggregate in order.
CREATE TABLE heddle.aggregate (
  aggregate text NOT NULL,
  id text NOT NULL,
  version bigint NOT NULL,
  PRIMARY KEY (aggregate, id)
) WITH (fillfactor = 70);
--> statement-breakpoint
-- What this service has announced: the log from which the broker is fed, and may be fed again.
CREATE TABLE heddle.outbox (
  id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
  event_id uuid NOT NULL UNIQUE,
  aggregate text NOT NULL,
  aggregate_id text NOT NULL,
  aggregate_version bigint NOT NULL,
  type text NOT NULL,
  subject text NOT NULL,
  headers jsonb NOT NULL,
  payload bytea NOT NULL,
  created_at timestamptz NOT NULL DEFAULT now(),
  published_at timestamptz,
  stream_seq bigint,
  UNIQUE (aggregate, aggregate_id, aggregate_version)
);
--> statement-breakpoint
CREATE INDEX outbox_unpublished ON heddle.outbox (id) WHERE published_at IS NULL;
--> statement-breakpoint
-- Every event that this service has taken in, once for each consumer.
CREATE TABLE heddle.inbox (
  event_id uuid NOT NULL,
  consumer text NOT NULL,
  status text NOT NULL CHECK (status IN ('done', 'parked', 'dead')),
  received_at timestamptz NOT NULL DEFAULT now(),
  PRIMARY KEY (event_id, consumer)
);
--> statement-breakpoint
-- Events that wait until the saga they belong to has moved on.
CREATE TABLE heddle.parked (
  id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
  event_id uuid NOT NULL,
  consumer text NOT NULL,
  key text NOT NULL,
  type text NOT NULL,
  subject text NOT NULL,
  headers jsonb NOT NULL,
  payload bytea NOT NULL,
  parked_at timestamptz NOT NULL DEFAULT now(),
  due_at timestamptz NOT NULL,
  attempts integer NOT NULL DEFAULT 0,
  failures integer NOT NULL DEFAULT 0,
  error text,
  UNIQUE (event_id, consumer)
);
--> statement-breakpoint
CREATE INDEX parked_due ON heddle.parked (consumer, due_at);
--> statement-breakpoint
CREATE INDEX parked_key ON heddle.parked (key, id);
--> statement-breakpoint
-- Events that this service could not take in, with all that a replay needs.
CREATE TABLE heddle.dead_letter (
  id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
  event_id uuid NOT NULL,
  consumer text NOT NULL,
  key text NOT NULL,
  type text NOT NULL,
  subject text NOT NULL,
  stream text NOT NULL,
  stream_seq bigint,
  headers jsonb NOT NULL,
  payload bytea NOT NULL,
  deliveries integer NOT NULL,
  error text NOT NULL,
  error_hash text NOT NULL,
  first_seen timestamptz NOT NULL,
  last_seen timestamptz NOT NULL DEFAULT now(),
  state text NOT NULL DEFAULT 'open' CHECK (state IN ('open', 'replayed', 'discarded')),
  UNIQUE (event_id, consumer)
);
--> statement-breakpoint
CREATE INDEX dead_letter_group ON heddle.dead_letter (consumer, state, error_hash);
