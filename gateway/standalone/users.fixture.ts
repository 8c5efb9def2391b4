/** A contract of somebody else: rpcs of every kind, some with HTTP rules. */
export const usersFiles = {
  "acme/users/v1/user.proto": `
    syntax = "proto3";
    package acme.users.v1;
    import "google/protobuf/any.proto";
    // Somebody.
    message User { string id = 1; string name = 2; int64 visits = 3; google.protobuf.Any extra = 4; }
    message Badge { string label = 1; }
  `,
  "acme/users/v1/users.proto": `
    syntax = "proto3";
    package acme.users.v1;
    import "google/api/annotations.proto";
    import "acme/users/v1/user.proto";
    message GetUserRequest { string id = 1; }
    service Users {
      rpc GetUser(GetUserRequest) returns (User) {
        option idempotency_level = NO_SIDE_EFFECTS;
        option (google.api.http) = {get: "/v1/users/{id}"};
      }
      rpc CreateUser(User) returns (User) {
        option (google.api.http) = {post: "/v1/users" body: "*"};
      }
      rpc WatchUser(GetUserRequest) returns (stream User) {
        option (google.api.http) = {get: "/v1/users/{id}:watch"};
      }
      rpc CountUsers(stream User) returns (User);
      rpc Chat(stream User) returns (stream User);
      rpc Plain(GetUserRequest) returns (User);
    }
  `,
};
