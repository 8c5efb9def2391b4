CREATE TABLE "heddle"."move" (
	"saga" text NOT NULL,
	"key" text NOT NULL,
	"version" integer NOT NULL,
	"from_state" text NOT NULL,
	"to_state" text NOT NULL,
	"rpc" text NOT NULL,
	"cause" text NOT NULL,
	"event_id" uuid,
	"event_type" text,
	"announced" text[],
	"traceparent" text,
	"moved_at" timestamp with time zone DEFAULT clock_timestamp() NOT NULL,
	CONSTRAINT "move_key_saga_version_pk" PRIMARY KEY("key","saga","version"),
	CONSTRAINT "move_cause" CHECK ("heddle"."move"."cause" in ('command', 'event', 'timer', 'effect'))
);
