/** What grpc-gateway's code is generated with. */
export const tools: readonly string[] = [
  "google.golang.org/protobuf/cmd/protoc-gen-go@v1.36.12",
  "google.golang.org/grpc/cmd/protoc-gen-go-grpc@v1.6.2",
  "github.com/grpc-ecosystem/grpc-gateway/v2/protoc-gen-grpc-gateway@v2.33.0",
];

/** The module of the program. */
export const goModule = `module bench

go 1.25

require (
	github.com/grpc-ecosystem/grpc-gateway/v2 v2.33.0
	google.golang.org/grpc v1.85.0
	google.golang.org/protobuf v1.36.12
)
`;

/**
 * The two methods of the shop's contracts that are measured, without the options that Go's generators would want further
 * packages for. Field numbers and HTTP rules are the same.
 */
export const protoFiles: Readonly<Record<string, string>> = {
  "proto/platform/identity/v1/identity_service.proto": `syntax = "proto3";
package platform.identity.v1;
import "google/api/annotations.proto";
import "google/protobuf/timestamp.proto";
option go_package = "bench/gen/platform/identity/v1;identity";
service IdentityService {
  rpc CreateSession(CreateSessionRequest) returns (CreateSessionResponse) {
    option (google.api.http) = {post: "/v1/sessions" body: "*"};
  }
}
message CreateSessionRequest { string email = 1; string password = 2; }
message CreateSessionResponse {
  string access_token = 1;
  string refresh_token = 2;
  google.protobuf.Timestamp expire_time = 3;
  User user = 4;
}
message User { string id = 1; string email = 2; string display_name = 3; repeated string roles = 4; }
`,
  "proto/shop/catalog/v1/catalog_service.proto": `syntax = "proto3";
package shop.catalog.v1;
import "google/api/annotations.proto";
import "google/protobuf/timestamp.proto";
import "google/type/money.proto";
option go_package = "bench/gen/shop/catalog/v1;catalog";
service CatalogService {
  rpc GetProduct(GetProductRequest) returns (GetProductResponse) {
    option (google.api.http) = {get: "/v1/products/{id}" response_body: "product"};
  }
}
message GetProductRequest { string id = 1; }
message GetProductResponse { Product product = 1; }
message Product {
  string id = 1;
  string name = 2;
  string description = 3;
  string category = 4;
  google.type.Money price = 5;
  bool in_stock = 6;
  google.protobuf.Timestamp create_time = 7;
  google.protobuf.Timestamp update_time = 8;
}
`,
};

/** The program: the upstream's address and its own are its arguments. Default values are printed, as by the others. */
export const goMain = `package main

import (
	"context"
	"log"
	"net/http"
	"os"

	identity "bench/gen/platform/identity/v1"
	catalog "bench/gen/shop/catalog/v1"

	"github.com/grpc-ecosystem/grpc-gateway/v2/runtime"
	"google.golang.org/grpc"
	"google.golang.org/grpc/credentials/insecure"
)

func main() {
	ctx := context.Background()
	mux := runtime.NewServeMux()
	options := []grpc.DialOption{grpc.WithTransportCredentials(insecure.NewCredentials())}
	if err := identity.RegisterIdentityServiceHandlerFromEndpoint(ctx, mux, os.Args[1], options); err != nil {
		log.Fatal(err)
	}
	if err := catalog.RegisterCatalogServiceHandlerFromEndpoint(ctx, mux, os.Args[1], options); err != nil {
		log.Fatal(err)
	}
	log.Fatal(http.ListenAndServe(os.Args[2], mux))
}
`;
