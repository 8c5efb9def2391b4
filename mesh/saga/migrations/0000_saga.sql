CREATE SCHEMA IF NOT EXISTS "heddle";
--> statement-breakpoint
CREATE TABLE "heddle"."effect" (
	"id" bigint PRIMARY KEY GENERATED ALWAYS AS IDENTITY (sequence name "heddle"."effect_id_seq" INCREMENT BY 1 MINVALUE 1 MAXVALUE 9223372036854775807 START WITH 1 CACHE 1),
	"saga" text NOT NULL,
	"key" text NOT NULL,
	"name" text NOT NULL,
	"status" text DEFAULT 'due' NOT NULL,
	"attempts" integer DEFAULT 0 NOT NULL,
	"due_at" timestamp with time zone DEFAULT now() NOT NULL,
	"error" text,
	"traceparent" text,
	"created_at" timestamp with time zone DEFAULT now() NOT NULL,
	"finished_at" timestamp with time zone,
	CONSTRAINT "effect_status" CHECK ("heddle"."effect"."status" in ('waiting', 'due', 'done', 'skipped', 'failed'))
);
--> statement-breakpoint
CREATE TABLE "heddle"."participant" (
	"saga" text NOT NULL,
	"key" text NOT NULL,
	"state" text NOT NULL,
	"version" integer DEFAULT 0 NOT NULL,
	"moved_by" text,
	"event_id" text,
	"created_at" timestamp with time zone DEFAULT now() NOT NULL,
	"updated_at" timestamp with time zone DEFAULT now() NOT NULL,
	CONSTRAINT "participant_saga_key_pk" PRIMARY KEY("saga","key")
);
--> statement-breakpoint
CREATE TABLE "heddle"."timer" (
	"saga" text NOT NULL,
	"key" text NOT NULL,
	"name" text NOT NULL,
	"due_at" timestamp with time zone NOT NULL,
	"attempts" integer DEFAULT 0 NOT NULL,
	"error" text,
	"traceparent" text,
	"created_at" timestamp with time zone DEFAULT now() NOT NULL,
	CONSTRAINT "timer_saga_key_name_pk" PRIMARY KEY("saga","key","name")
);
--> statement-breakpoint
CREATE INDEX "effect_due" ON "heddle"."effect" USING btree ("saga","due_at") WHERE "heddle"."effect"."status" = 'due';--> statement-breakpoint
CREATE INDEX "effect_open" ON "heddle"."effect" USING btree ("saga","key","id") WHERE "heddle"."effect"."status" in ('waiting', 'due');--> statement-breakpoint
CREATE INDEX "timer_due" ON "heddle"."timer" USING btree ("saga","due_at");--> statement-breakpoint
-- Every step updates its row in place.
ALTER TABLE "heddle"."participant" SET (fillfactor = 80);
