ALTER TABLE "heddle"."effect" ADD COLUMN "cause" jsonb;--> statement-breakpoint
ALTER TABLE "heddle"."timer" ADD COLUMN "cause" jsonb;