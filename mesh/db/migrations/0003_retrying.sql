-- Events that are never given up and fail: kept beside the dead letters while they are tried, so that somebody sees them.
ALTER TABLE heddle.dead_letter DROP CONSTRAINT dead_letter_state_check;
--> statement-breakpoint
ALTER TABLE heddle.dead_letter ADD CONSTRAINT dead_letter_state_check
  CHECK (state IN ('open', 'retrying', 'recovered', 'replayed', 'discarded'));
