import { createRegistry, type DescFile, type DescService, type Registry } from "@bufbuild/protobuf";
import { file_google_rpc_error_details } from "#gen/google/rpc/error_details_pb.ts";
import { CallExplanationSchema } from "#gen/heddle/mesh/v1/data_plane_service_pb.ts";

/** All messages that the services' files and `more` know, with those that details of errors hold: what an Any may be. */
export function createMessageRegistry(services: readonly DescService[], more?: Registry): Registry {
  const files = new Set<DescFile>();
  const add = (file: DescFile) => {
    if (files.has(file)) return;
    files.add(file);
    for (const dependency of file.dependencies) add(dependency);
  };
  add(file_google_rpc_error_details);
  add(CallExplanationSchema.file);
  for (const service of services) add(service.file);
  return createRegistry(...(more ? [more] : []), ...files);
}
