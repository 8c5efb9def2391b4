CREATE SCHEMA IF NOT EXISTS "heddle";
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
	PRIMARY KEY ("saga", "key")
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
	PRIMARY KEY ("saga", "key", "name")
);
--> statement-breakpoint
CREATE INDEX "timer_due" ON "heddle"."timer" ("saga", "due_at");
--> statement-breakpoint
CREATE TABLE "heddle"."effect" (
	"id" bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
	"saga" text NOT NULL,
	"key" text NOT NULL,
	"name" text NOT NULL,
	"status" text DEFAULT 'due' NOT NULL CHECK ("status" IN ('due', 'done', 'skipped', 'failed')),
	"attempts" integer DEFAULT 0 NOT NULL,
	"due_at" timestamp with time zone DEFAULT now() NOT NULL,
	"lease_until" timestamp with time zone,
	"error" text,
	"traceparent" text,
	"created_at" timestamp with time zone DEFAULT now() NOT NULL,
	"finished_at" timestamp with time zone
);
--> statement-breakpoint
CREATE INDEX "effect_due" ON "heddle"."effect" ("saga", "due_at") WHERE "status" = 'due';
--> statement-breakpoint
CREATE INDEX "effect_order" ON "heddle"."effect" ("saga", "key", "id") WHERE "status" = 'due';
