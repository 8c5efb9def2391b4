import { clone, create, type DescFile, type DescMethod, toBinary } from "@bufbuild/protobuf";
import { FileDescriptorProtoSchema, FileDescriptorSetSchema } from "@bufbuild/protobuf/wkt";

/**
 * Makes an image (google.protobuf.FileDescriptorSet) of the contracts with these methods, for tools such as grpcurl and
 * buf curl. Other methods of their services are left out of it, and so are services without any.
 */
export function edgeImage(methods: readonly DescMethod[]): Uint8Array {
  const files = new Set<DescFile>();
  for (const { parent } of methods) addWithImports(parent.file, files);
  const open = new Set(methods.map(({ parent, name }) => `${parent.typeName}.${name}`));
  const file = [...files].map((each) => onlyOpen(each, open));
  return toBinary(FileDescriptorSetSchema, create(FileDescriptorSetSchema, { file }));
}

/** What a file imports comes before it. */
function addWithImports(file: DescFile, into: Set<DescFile>): void {
  if (into.has(file)) return;
  for (const dependency of file.dependencies) addWithImports(dependency, into);
  into.add(file);
}

function onlyOpen({ proto }: DescFile, open: ReadonlySet<string>) {
  const copy = clone(FileDescriptorProtoSchema, proto);
  const prefix = copy.package === "" ? "" : `${copy.package}.`;
  for (const service of copy.service) {
    service.method = service.method.filter(({ name }) => open.has(`${prefix}${service.name}.${name}`));
  }
  copy.service = copy.service.filter(({ method }) => method.length > 0);
  return copy;
}
