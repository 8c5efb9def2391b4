-- Later events of a key wait behind a dead letter: who they come from, and which letter they wait for.
ALTER TABLE heddle.parked ADD COLUMN stream text NOT NULL DEFAULT '';
--> statement-breakpoint
ALTER TABLE heddle.parked ADD COLUMN blocked_by bigint REFERENCES heddle.dead_letter (id);
--> statement-breakpoint
CREATE INDEX parked_blocked ON heddle.parked (consumer, stream, key, id) WHERE blocked_by IS NOT NULL;
--> statement-breakpoint
CREATE INDEX dead_letter_open ON heddle.dead_letter (consumer, stream, key) WHERE state = 'open';
--> statement-breakpoint
-- Who did what with a dead letter, and why.
CREATE TABLE heddle.dead_letter_audit (
  id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
  dead_letter bigint NOT NULL REFERENCES heddle.dead_letter (id),
  action text NOT NULL CHECK (action IN ('replayed', 'replay failed', 'discarded')),
  who text NOT NULL,
  why text NOT NULL,
  at timestamptz NOT NULL DEFAULT now()
);
--> statement-breakpoint
CREATE INDEX dead_letter_audit_letter ON heddle.dead_letter_audit (dead_letter, id);
