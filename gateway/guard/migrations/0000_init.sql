CREATE TABLE "idempotency_key" (
	"key" "bytea" PRIMARY KEY NOT NULL,
	"fingerprint" "bytea" NOT NULL,
	"lease_until" timestamp (3) with time zone NOT NULL,
	"expires_at" timestamp (3) with time zone NOT NULL,
	"answer" "bytea"
);
--> statement-breakpoint
CREATE UNLOGGED TABLE "rate_limit" (
	"key" "bytea" PRIMARY KEY NOT NULL,
	"restored_at_ms" double precision NOT NULL
);
--> statement-breakpoint
CREATE INDEX "idempotency_key_expiry" ON "idempotency_key" USING btree ("expires_at");