CREATE TABLE "availability" (
	"product_id" uuid PRIMARY KEY NOT NULL,
	"available" boolean NOT NULL,
	"stock_version" bigint NOT NULL
);
--> statement-breakpoint
CREATE TABLE "category" (
	"id" text PRIMARY KEY NOT NULL,
	"display_name" text NOT NULL
);
--> statement-breakpoint
CREATE TABLE "product" (
	"id" uuid PRIMARY KEY NOT NULL,
	"name" text NOT NULL,
	"description" text NOT NULL,
	"category" text NOT NULL,
	"price_currency" text NOT NULL,
	"price_units" bigint NOT NULL,
	"price_nanos" integer NOT NULL,
	"create_time" timestamp (3) with time zone NOT NULL,
	"update_time" timestamp (3) with time zone NOT NULL,
	"search" "tsvector" GENERATED ALWAYS AS (to_tsvector('simple'::regconfig, regexp_replace(name || ' ' || description, '[!-/:-@[-`{-~]+', ' ', 'g'))) STORED NOT NULL
);
--> statement-breakpoint
ALTER TABLE "product" ADD CONSTRAINT "product_category_category_id_fk" FOREIGN KEY ("category") REFERENCES "public"."category"("id") ON DELETE no action ON UPDATE no action;--> statement-breakpoint
CREATE INDEX "product_by_name" ON "product" USING btree ("name","id");--> statement-breakpoint
CREATE INDEX "product_by_category" ON "product" USING btree ("category","name","id");--> statement-breakpoint
CREATE INDEX "product_by_search" ON "product" USING gin ("search");