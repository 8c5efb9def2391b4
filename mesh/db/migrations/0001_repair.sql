-- How often an event had to be published anew because the stream had lost it; part of its message id.
ALTER TABLE heddle.outbox ADD COLUMN republished integer NOT NULL DEFAULT 0;
--> statement-breakpoint
CREATE INDEX outbox_stream_seq ON heddle.outbox (stream_seq) WHERE stream_seq IS NOT NULL;
--> statement-breakpoint
-- The stream that this service feeds, as it was when the relay last looked: another creation is another stream.
CREATE TABLE heddle.fed_stream (
  name text PRIMARY KEY,
  created text NOT NULL
);
