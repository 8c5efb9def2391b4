CREATE TABLE "answer" (
	"idempotency_key" text PRIMARY KEY NOT NULL,
	"fingerprint" text NOT NULL,
	"status" integer NOT NULL,
	"body" jsonb NOT NULL,
	"created_at" timestamp with time zone DEFAULT now() NOT NULL
);
--> statement-breakpoint
CREATE TABLE "authorization" (
	"reference" text PRIMARY KEY NOT NULL,
	"status" text NOT NULL,
	"currency_code" text,
	"units" bigint,
	"nanos" integer,
	"payment_method" text NOT NULL,
	"decline_code" text NOT NULL,
	"created_at" timestamp with time zone DEFAULT now() NOT NULL
);
