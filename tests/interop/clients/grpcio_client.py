"""Makes one call with grpcio, which knows the method by the server's reflection. It reads the call as JSON and prints what
came of it as JSON."""

import json
import sys

import grpc
from google.protobuf import json_format, message_factory
from google.protobuf.descriptor_pool import DescriptorPool
from google.rpc import error_details_pb2  # noqa: F401, the types of details
from grpc_reflection.v1alpha.proto_reflection_descriptor_database import ProtoReflectionDescriptorDatabase
from grpc_status import rpc_status

call = json.load(sys.stdin)
gzip = grpc.Compression.Gzip if call.get("gzip") else None


def connect(address, authorities=None):
    if authorities is None:
        return grpc.insecure_channel(address, compression=gzip)
    with open(authorities, "rb") as file:
        return grpc.secure_channel(address, grpc.ssl_channel_credentials(file.read()), compression=gzip)


def pairs(metadata):
    return {key: value.hex() if isinstance(value, bytes) else value for key, value in metadata or ()}


with connect(call["address"], call.get("authorities")) as channel:
    pool = DescriptorPool(ProtoReflectionDescriptorDatabase(channel))
    service, name = call["method"].split("/")
    method = pool.FindServiceByName(service).FindMethodByName(name)
    request_type = message_factory.GetMessageClass(method.input_type)
    response_type = message_factory.GetMessageClass(method.output_type)
    requests = [json_format.ParseDict(each, request_type(), descriptor_pool=pool) for each in call["requests"]]

    kind = ["unary", "stream"][method.client_streaming] + "_" + ["unary", "stream"][method.server_streaming]
    callee = getattr(channel, kind)(f"/{call['method']}", request_type.SerializeToString, response_type.FromString)
    running = (callee if method.server_streaming else callee.future)(
        iter(requests) if method.client_streaming else requests[0],
        timeout=call.get("timeout"),
        metadata=[(key, bytes.fromhex(value) if key.endswith("-bin") else value) for key, value in call["metadata"]],
    )

    messages, details = [], []
    try:
        for message in running if method.server_streaming else [running.result()]:
            messages.append(json_format.MessageToDict(message, descriptor_pool=pool))
            if len(messages) == call.get("cancelAfter"):
                running.cancel()
    except grpc.FutureCancelledError:
        pass
    except grpc.RpcError as error:
        status = rpc_status.from_call(error)
        details = json_format.MessageToDict(status).get("details", []) if status else []
    outcome = {
        "code": running.code().name,
        "message": running.details(),
        "details": details,
        "messages": messages,
        "header": pairs(running.initial_metadata()),
        "trailer": pairs(running.trailing_metadata()),
    }
    print(json.dumps(outcome))
