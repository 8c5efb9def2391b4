CREATE TABLE "deleted_user" (
	"user_id" text PRIMARY KEY NOT NULL,
	"created_at" timestamp with time zone DEFAULT now() NOT NULL
);
--> statement-breakpoint
CREATE TABLE "order" (
	"id" uuid PRIMARY KEY NOT NULL,
	"user_id" text NOT NULL,
	"request_id" text,
	"lines" jsonb NOT NULL,
	"currency_code" text NOT NULL,
	"units" bigint NOT NULL,
	"nanos" integer NOT NULL,
	"payment_method" text NOT NULL,
	"shipping_address" jsonb NOT NULL,
	"reason" integer DEFAULT 0 NOT NULL,
	"created_at" timestamp with time zone DEFAULT now() NOT NULL,
	CONSTRAINT "order_request" UNIQUE("user_id","request_id")
);
--> statement-breakpoint
CREATE INDEX "order_newest_of_user" ON "order" USING btree ("user_id","id");