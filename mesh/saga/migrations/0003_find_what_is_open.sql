DROP INDEX "heddle"."effect_open";--> statement-breakpoint
ALTER TABLE "heddle"."participant" ADD COLUMN "open" boolean DEFAULT true NOT NULL;--> statement-breakpoint
CREATE INDEX "participant_open" ON "heddle"."participant" USING btree ("saga","key") WHERE "heddle"."participant"."open";--> statement-breakpoint
CREATE INDEX "effect_open" ON "heddle"."effect" USING btree ("saga","key","id") WHERE "heddle"."effect"."status" in ('waiting', 'due', 'failed');