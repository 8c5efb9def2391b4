import type { DescFile } from "@bufbuild/protobuf";

/** What a package name says: `<system>.<service>[.reactions].v<major>`. */
export interface PackageName {
  /** System and service, such as "shop.order". */
  readonly service: string;
  readonly major: number;
}

const packagePattern =
  /^(?<service>[a-z][a-z0-9_]*\.[a-z][a-z0-9_]*)(?:\.[a-z][a-z0-9_]*)*\.v(?<major>[0-9]+)(?:alpha|beta)?[0-9]*$/;

/** Reads service and major version from the package of a file; undefined when the package has another form. */
export function packageName(file: DescFile): PackageName | undefined {
  const groups = packagePattern.exec(file.proto.package)?.groups;
  if (!groups?.service) return undefined;
  return { service: groups.service, major: Number(groups.major) };
}
